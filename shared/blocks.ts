/**
 * Blocks: the unit in which snapshot bytes move. Small chunks from the network are copied once into large pooled buffers,
 * so that hashing, scanning and compressing each cost one call per block.
 */

/** 4 MiB: measured best for one SHA-256 update, one scan call and one zstd job per block. */
export const BLOCK_BYTES = 4 * 1024 * 1024;

export interface Block {
  readonly bytes: Uint8Array;
  /** Gives the memory back; `bytes` must not be touched afterwards. A block may also be left to the garbage collector. */
  release(): void;
}

/**
 * `source` in blocks of exactly `blockBytes`, but for the last, which holds what is left. Nothing is yielded for an empty
 * source. Released blocks are filled again, so memory is bounded by how many the consumer holds at once.
 */
export async function* inBlocks(
  source: AsyncIterable<Uint8Array>,
  blockBytes: number = BLOCK_BYTES,
): AsyncGenerator<Block, void, undefined> {
  const free: Uint8Array[] = [];
  const take = (): Uint8Array => free.pop() ?? new Uint8Array(blockBytes);
  const block = (buffer: Uint8Array, filled: number): Block => {
    let held = true;
    return {
      bytes: filled === blockBytes ? buffer : buffer.subarray(0, filled),
      release() {
        if (held) free.push(buffer);
        held = false;
      },
    };
  };
  let buffer = take();
  let filled = 0;
  for await (const chunk of source) {
    let offset = 0;
    while (offset < chunk.length) {
      const part = Math.min(chunk.length - offset, blockBytes - filled);
      buffer.set(part === chunk.length ? chunk : chunk.subarray(offset, offset + part), filled);
      offset += part;
      filled += part;
      if (filled === blockBytes) {
        yield block(buffer, filled);
        buffer = take();
        filled = 0;
      }
    }
  }
  if (filled > 0) yield block(buffer, filled);
}
