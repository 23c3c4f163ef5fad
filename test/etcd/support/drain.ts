import { createHash } from "node:crypto";

import type { Block } from "../../../shared/blocks.ts";

/** All bytes of a snapshot that fits into memory. */
export async function drain(source: AsyncIterable<Block>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const { bytes } of source) pieces.push(bytes);
  return Buffer.concat(pieces);
}

/** Whether the last 32 bytes are the SHA-256 of all before them, as etcd sends it. */
export function trailerMatches(snapshot: Buffer): boolean {
  return createHash("sha256").update(snapshot.subarray(0, -32)).digest().equals(snapshot.subarray(-32));
}
