export interface Chunk {
  /** Only valid until the next chunk is asked for. */
  readonly bytes: Uint8Array;
  /** Whether the source ended with it. */
  readonly last: boolean;
}

/**
 * `source`, of pieces of any size, in chunks of exactly `chunkBytes` but for the last. A full chunk is held back until a byte
 * follows it, since it may be the last one: so the last one is full where the length is a multiple, and empty only where `source`
 * is.
 */
export async function* inChunks(source: AsyncIterable<Uint8Array>, chunkBytes: number): AsyncGenerator<Chunk, void, undefined> {
  const held = Buffer.allocUnsafe(chunkBytes);
  let filled = 0;
  for await (const piece of source) {
    let at = 0;
    while (at < piece.length) {
      if (filled === chunkBytes) {
        yield { bytes: held, last: false };
        filled = 0;
      }
      if (filled === 0 && piece.length - at > chunkBytes) {
        yield { bytes: piece.subarray(at, at + chunkBytes), last: false };
        at += chunkBytes;
      } else {
        const part = Math.min(piece.length - at, chunkBytes - filled);
        held.set(piece.subarray(at, at + part), filled);
        filled += part;
        at += part;
      }
    }
  }
  yield { bytes: held.subarray(0, filled), last: true };
}
