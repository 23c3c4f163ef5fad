import { createHash } from "node:crypto";

/** All bytes of a snapshot that fits into memory. */
export async function drain(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Whether the last 32 bytes are the SHA-256 of all before them, as etcd sends it. */
export function trailerMatches(snapshot: Buffer): boolean {
  return createHash("sha256").update(snapshot.subarray(0, -32)).digest().equals(snapshot.subarray(-32));
}
