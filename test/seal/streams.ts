/** Byte streams for the tests of seal/. */

/** `bytes` in chunks of the given sizes, over and over; the last chunk is what is left. */
export async function* inChunksOf(bytes: Uint8Array, ...sizes: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  let turn = 0;
  for (let at = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    yield bytes.subarray(at, at + size);
    at += size;
    if (turn % 64 === 63) await new Promise(setImmediate);
  }
}

export interface Outcome {
  /** Everything that was handed out, also before an error. */
  readonly bytes: Buffer;
  readonly error: unknown;
}

/** Takes a stream to its end or its error. */
export async function drain(stream: AsyncIterable<Uint8Array>): Promise<Outcome> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of stream) pieces.push(new Uint8Array(piece));
  } catch (error) {
    return { bytes: Buffer.concat(pieces), error };
  }
  return { bytes: Buffer.concat(pieces), error: undefined };
}

/** The whole of a stream that must end well. */
export async function whole(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(new Uint8Array(piece));
  return Buffer.concat(pieces);
}

/** Reproducible bytes that do not compress: a xorshift generator. */
export function noise(bytes: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = (seed * 0x9e3779b9) >>> 0 || 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return Buffer.from(words.buffer, 0, bytes);
}
