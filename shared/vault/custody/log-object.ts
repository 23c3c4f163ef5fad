import { createHash } from "node:crypto";
import { MAX_DOCUMENT_BYTES } from "../../documents/signed-document.ts";
import type { BlobStore } from "../../store/blob-store.ts";

/** An object in the place of a record that is larger than any: it is named by its size and the SHA-256 of its first 1 MiB, and no more of it is read. */
export interface Oversized {
  readonly size: number;
  readonly beginning: string;
}

/** What stands in a place of a log. `verify/missing` where nothing does. */
export async function readLogObject(blobs: BlobStore, key: string, signal?: AbortSignal): Promise<Uint8Array | Oversized> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Whoever can put can make it as large as the store takes, and every append would read it.
  for await (const chunk of blobs.get(key, { signal })) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_DOCUMENT_BYTES) break;
  }
  const [first] = chunks;
  const read = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
  if (bytes <= MAX_DOCUMENT_BYTES) return read;
  const size = (await blobs.head(key, { signal }))?.bytes ?? bytes;
  return { size, beginning: `sha256:${createHash("sha256").update(read.subarray(0, MAX_DOCUMENT_BYTES)).digest("hex")}` };
}

export function isOversized(object: Uint8Array | Oversized): object is Oversized {
  return "beginning" in object;
}
