import type { StoredObject } from "../../documents/stored.ts";
import { SealedReader } from "../../seal/sealed-reader.ts";
import type { BlobStore } from "../blob-store.ts";
import type { RandomReader } from "../snapshot-store.ts";
import { rangesOf } from "../stored-object.ts";

/** A sealed object here and there; undefined where it has no table of frames. Throws as `rangesOf` and `SealedReader.open` do. */
export async function readerOf(
  blobs: BlobStore,
  object: StoredObject,
  identities: readonly string[],
  signal?: AbortSignal,
): Promise<RandomReader | undefined> {
  const reader = await SealedReader.open(await rangesOf(blobs, object, signal), identities);
  if (reader === undefined) return undefined;
  return {
    bytes: reader.bytes,
    pieces: reader.frames,
    readAt: (offset, length) => reader.readAt(offset, length),
    piece: (index) => reader.piece(index),
    requireDigests: (digests, first) => reader.requireDigests(digests, first),
    beside: (other) => readerOf(blobs, other, identities, signal),
  };
}
