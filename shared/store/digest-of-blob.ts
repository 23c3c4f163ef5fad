import { createHash } from "node:crypto";
import type { BlobStore, ReadOptions } from "./blob-store.ts";

/** SHA-256 (`sha256:` and hex) and size of an object, read once from end to end. Errors as `get`. */
export async function digestOfBlob(
  blobs: BlobStore,
  key: string,
  options: ReadOptions,
): Promise<{ readonly digest: string; readonly bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of blobs.get(key, options)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { digest: `sha256:${hash.digest("hex")}`, bytes };
}
