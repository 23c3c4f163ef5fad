import { BLOCK_BYTES, BlockFiller } from "../../shared/blocks.ts";
import type { Block } from "../../shared/blocks.ts";

/**
 * `source` in blocks of exactly `blockBytes`, but for the last, which holds what is left. Nothing is yielded for an empty
 * source.
 */
export async function* inBlocks(
  source: AsyncIterable<Uint8Array>,
  blockBytes: number = BLOCK_BYTES,
): AsyncGenerator<Block, void, undefined> {
  const filler = new BlockFiller(blockBytes);
  for await (const chunk of source) {
    for (let offset = 0; offset < chunk.length;) {
      const { taken, full } = filler.fill(chunk, offset);
      offset += taken;
      if (full !== undefined) yield full;
    }
  }
  const rest = filler.rest();
  if (rest !== undefined) yield rest;
}
