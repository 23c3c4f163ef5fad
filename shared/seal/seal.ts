import type { Block } from "../blocks.ts";
import type { AgeIdentity } from "./age-identities.ts";
import { decryptAge, encryptAge } from "./age.ts";
import { compressFrames, decompressFrames } from "./zstd-frames.ts";

/**
 * The stored form of a snapshot: an age v1 file for `recipients` over one zstd frame per block; `age -d | zstd -d` opens it.
 * Nothing is pulled before the first piece is asked for, and then with back-pressure; blocks are released as they are compressed.
 * A piece is only valid until the next one is asked for.
 * Errors: those of `blocks` unchanged, `config/invalid` for recipients that cannot stand together.
 */
export function seal(blocks: AsyncIterable<Block>, recipients: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  return encryptAge(recipients, compressFrames(blocks));
}

/**
 * The way back, from chunks of any size; a piece is valid until the next one is asked for. Every byte that is handed out is authentic, but the whole is there only when the
 * iteration ends. No more than `most` bytes come out, whatever `ciphertext` holds. Errors: those of `ciphertext` unchanged,
 * `keys/no-match`, `keys/invalid`, `verify/size` where there is more than `most`, and `verify/sealed` for whatever is not what was
 * sealed. `onFrame` is told of each zstd frame.
 */
export function unseal(
  ciphertext: AsyncIterable<Uint8Array>,
  identities: readonly AgeIdentity[],
  most = Infinity,
  onFrame?: (frame: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  return decompressFrames(decryptAge(identities, ciphertext), most, onFrame);
}
