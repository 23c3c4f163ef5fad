import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import { FIRST_BYTES, withRoom } from "../blocks.ts";
import { inChunks } from "./age-chunks.ts";
import { releaseBuffer } from "./release-buffer.ts";

// The payload of an age v1 file: https://c2sp.org/age#payload. By node:crypto, which runs at ten times the speed of typage's own.

const CIPHER = "chacha20-poly1305";
export const TAG_BYTES = 16;
const TAG = { authTagLength: TAG_BYTES };
export const CHUNK_BYTES = 64 * 1024;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
/** Chunks handed out in one piece: 1 MiB, so that a store is not called for every chunk. */
const PIECE_CHUNKS = 16;
const HINT = "fetch it again, or use another snapshot: this is not what was stored";

/** The key of the payload, from the header's file key and the 16 bytes before the first chunk. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", fileKey, nonce, "payload", 32));
}

/** `plaintext` in encrypted chunks, in pieces of some 1 MiB, each of which is only valid until the next one is asked for. */
export async function* encryptPayload(key: Uint8Array, plaintext: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const pieceBytes = PIECE_CHUNKS * SEALED_CHUNK_BYTES;
  let piece: Uint8Array = Buffer.allocUnsafe(FIRST_BYTES);
  const secret = asObject(key);
  let filled = 0;
  let index = 0;
  for await (const { bytes, last } of inChunks(plaintext, CHUNK_BYTES)) {
    const cipher = createCipheriv(CIPHER, secret, chunkNonce(index++, last), TAG);
    const sealed = cipher.update(bytes);
    piece = withRoom(piece, filled + bytes.length + TAG_BYTES, pieceBytes);
    piece.set(sealed, filled);
    releaseBuffer(sealed);
    cipher.final();
    piece.set(cipher.getAuthTag(), filled + bytes.length);
    filled += bytes.length + TAG_BYTES;
    if (last || filled === pieceBytes) {
      yield piece.subarray(0, filled);
      filled = 0;
    }
  }
}

/**
 * The plaintext of encrypted chunks. Nothing that is not authenticated is handed out; whatever was altered, cut, moved or added is
 * `verify/sealed` before the iteration ends, after the plaintext that was whole before it.
 */
export async function* decryptPayload(key: Uint8Array, ciphertext: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const pieceBytes = PIECE_CHUNKS * CHUNK_BYTES;
  let piece: Uint8Array = Buffer.allocUnsafe(FIRST_BYTES);
  const secret = asObject(key);
  let filled = 0;
  let index = 0;
  for await (const { bytes, last } of inChunks(ciphertext, SEALED_CHUNK_BYTES)) {
    const rightful = openChunk(secret, index, last, bytes);
    const plain = rightful ?? (bytes.length === SEALED_CHUNK_BYTES ? openChunk(secret, index, !last, bytes) : undefined);
    const length = plain?.length ?? 0;
    if (plain !== undefined) {
      piece = withRoom(piece, filled + length, pieceBytes);
      piece.set(plain, filled);
      filled += length;
      releaseBuffer(plain);
    }
    if (filled > 0 && (last || rightful === undefined || filled === pieceBytes)) {
      yield piece.subarray(0, filled);
      piece = Buffer.allocUnsafe(last ? 0 : pieceBytes);
      filled = 0;
    }
    if (plain === undefined) throw broken(index, "was altered, moved or cut");
    if (rightful === undefined) throw broken(index, misplaced(last));
    if (last && index > 0 && length === 0) throw broken(index, "is an empty last chunk after others, which age does not allow");
    index++;
  }
}

/** node:crypto takes bytes as well, and spends 50 µs a chunk on finding out that they are no key object. */
export function asObject(key: Uint8Array): KeyObject {
  return createSecretKey(key);
}

/** A full chunk that opens with the other mark is authentic, but the file's end is not where its writer put it. */
export function misplaced(last: boolean): string {
  return last ? "is not the last one, yet nothing follows it: the file was cut" : "is the last one, yet more bytes follow it";
}

export function broken(index: number, what: string): LifeboatError {
  return new LifeboatError("verify/sealed", `chunk ${index + 1} of the age file ${what}`, { hint: HINT });
}

/** The plaintext of chunk `index`, counted from 0; undefined where it is not authentic at this place. */
export function openChunk(key: KeyObject, index: number, last: boolean, chunk: Uint8Array): Uint8Array | undefined {
  if (chunk.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, chunkNonce(index, last), TAG);
  decipher.setAuthTag(chunk.subarray(chunk.length - TAG_BYTES));
  const plain = decipher.update(chunk.subarray(0, chunk.length - TAG_BYTES));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined; // final() fails in one way: the tag does not fit
  }
}

/** An 11-byte big-endian counter, and a byte that marks the last chunk. */
function chunkNonce(index: number, last: boolean): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6); // 48 bits last for 18 exabytes
  nonce[11] = last ? 1 : 0;
  return nonce;
}
