/**
 * Blocks: the unit in which snapshot bytes move. Small chunks from the network are copied once into large pooled buffers,
 * so that hashing, scanning and compressing each cost one call per block.
 */

/** 4 MiB: measured best for one SHA-256 update, one scan call and one zstd job per block. */
export const BLOCK_BYTES = 4 * 1024 * 1024;
/** Room that is made at first: what is small costs no more, and what is large is copied three times up to a block. */
export const FIRST_BYTES = 64 * 1024;

export interface Block {
  readonly bytes: Uint8Array;
  /** Gives the memory back; `bytes` must not be touched afterwards. A block may also be left to the garbage collector. */
  release(): void;
}

/**
 * Gathers bytes that come in pieces into blocks of exactly `blockBytes`. Released blocks are filled again, so memory is bounded by how many are held
 * at once.
 */
export class BlockFiller {
  readonly #blockBytes: number;
  readonly #free: Uint8Array[] = [];
  #isFirst = true;
  /** Undefined between two blocks, so that no memory is taken before there are bytes for it. */
  #buffer: Uint8Array | undefined;
  #filled = 0;

  constructor(blockBytes: number = BLOCK_BYTES) {
    this.#blockBytes = blockBytes;
  }

  /** Copies the bytes of `piece` from `offset` on, up to the end of a block: how many they were, and the block where it is full. */
  fill(piece: Uint8Array, offset: number): { readonly taken: number; readonly full: Block | undefined } {
    this.#buffer ??= this.#free.pop() ?? new Uint8Array(this.#isFirst ? Math.min(FIRST_BYTES, this.#blockBytes) : this.#blockBytes);
    const taken = Math.min(piece.length - offset, this.#blockBytes - this.#filled);
    this.#buffer = withRoom(this.#buffer, this.#filled + taken, this.#blockBytes);
    this.#buffer.set(taken === piece.length ? piece : piece.subarray(offset, offset + taken), this.#filled);
    this.#filled += taken;
    return { taken, full: this.#filled === this.#blockBytes ? this.rest() : undefined };
  }

  /** What does not fill a block; undefined where there is nothing. */
  rest(): Block | undefined {
    const buffer = this.#buffer;
    if (buffer === undefined) return undefined;
    const bytes = this.#filled === this.#blockBytes ? buffer : buffer.subarray(0, this.#filled);
    this.#buffer = undefined;
    this.#filled = 0;
    this.#isFirst = false;
    let held = true;
    return {
      bytes,
      release: () => {
        if (held && buffer.length === this.#blockBytes) this.#free.push(buffer);
        held = false;
      },
    };
  }
}

/** `buffer` where it has room for `wanted` bytes, else a larger one, of at most `most`, with what is in it. */
export function withRoom<T extends Uint8Array>(buffer: T, wanted: number, most: number): T | Uint8Array<ArrayBuffer> {
  if (wanted <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(wanted, 4 * buffer.length)));
  larger.set(buffer);
  return larger;
}

/** The same bytes in blocks, with back-pressure. */
export async function* inBlocks(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Block, void, undefined> {
  const filler = new BlockFiller();
  for await (const piece of pieces)
    for (let at = 0; at < piece.length;) {
      const { taken, full } = filler.fill(piece, at);
      at += taken;
      if (full !== undefined) yield full;
    }
  const rest = filler.rest();
  if (rest !== undefined) yield rest;
}
