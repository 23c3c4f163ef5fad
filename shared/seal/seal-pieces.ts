import { hash } from "node:crypto";
import { encryptAge } from "./age.ts";
import { FrameTableWriter } from "./frame-table.ts";
import { compressFrame } from "./zstd-compress.ts";

/** Few MB, written once and read for years. */
const LEVEL = 3;

export interface LastPiece {
  /** Its content, once all others are compressed: `digests` are the SHA-256 of each as compressed, one after the other. */
  readonly content: (digests: Uint8Array) => Uint8Array;
  /** Told its own. */
  readonly onDigest: (digest: Uint8Array) => void;
}

/**
 * Pieces and a last one in the form that `seal` gives a snapshot: each a zstd frame, with a table of them, in an age file for `recipients`. A piece of this is only valid until the next is asked
 * for. An error of `pieces` passes unchanged.
 */
export function sealPieces(
  pieces: Iterable<Uint8Array>,
  last: LastPiece,
  recipients: readonly string[],
): AsyncGenerator<Uint8Array, void, undefined> {
  return encryptAge(recipients, framesOf(pieces, last));
}

async function* framesOf(pieces: Iterable<Uint8Array>, last: LastPiece): AsyncGenerator<Uint8Array, void, undefined> {
  const table = new FrameTableWriter();
  const digests: Uint8Array[] = [];
  const frame = async (content: Uint8Array): Promise<Uint8Array> => {
    const bytes = await compressFrame(content, LEVEL);
    table.add(bytes.length, content.length);
    digests.push(digestOf(bytes));
    return bytes;
  };
  for (const piece of pieces) yield await frame(piece);
  const bytes = await frame(last.content(Buffer.concat(digests)));
  last.onDigest(digestOf(bytes));
  yield bytes;
  yield table.finish();
}

/** SHA-256, 32 bytes. */
export function digestOf(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}
