import { LifeboatError } from "../errors.ts";
import { MAX_CONTENT_BYTES, MAX_FRAME_BYTES, MAX_SKIPPED_BYTES } from "./zstd-frame-reader.ts";

// The seek table of zstd's contrib/seekable_format (zstd_seekable_compression_format.md, version 0.1.0): a skippable frame, the last of the stream. All numbers are little-endian.

/** 0x184D2A5E: the skippable frame that the format has chosen. */
const TABLE_MAGIC = 0x184d2a5e;
/** The last four bytes of all. */
const FOOTER_MAGIC = 0x8f92eab1;
const HEADER_BYTES = 8;
/** Number of frames u32, descriptor u8, magic u32. */
export const FOOTER_BYTES = 9;
/** Compressed and decompressed size, u32 each. */
const ENTRY_BYTES = 8;
/** Of the descriptor: each entry has a checksum of 4 bytes as well, XXH64 of the content. Not written here, and passed over: age has authenticated the frame. */
const HAS_CHECKSUMS = 0x80;
const RESERVED = 0x7c;
const CHECKSUM_BYTES = 4;

/** Gathers the sizes of frames as they are written. */
export class FrameTableWriter {
  readonly #sizes: number[] = [];

  add(compressedBytes: number, contentBytes: number): void {
    this.#sizes.push(compressedBytes, contentBytes);
  }

  /** The table as a skippable frame. */
  finish(): Uint8Array {
    const bodyBytes = this.#sizes.length * 4 + FOOTER_BYTES;
    const frame = Buffer.alloc(HEADER_BYTES + bodyBytes);
    frame.writeUInt32LE(TABLE_MAGIC, 0);
    frame.writeUInt32LE(bodyBytes, 4);
    for (const [index, size] of this.#sizes.entries()) frame.writeUInt32LE(size, HEADER_BYTES + 4 * index);
    const footer = frame.length - FOOTER_BYTES;
    frame.writeUInt32LE(this.#sizes.length / 2, footer);
    frame.writeUInt32LE(FOOTER_MAGIC, footer + 5);
    return frame;
  }
}

/** How long the table is whose last FOOTER_BYTES are `footer`; undefined where they are the end of something else. `verify/sealed` for one that cannot be. */
export function tableBytesOf(footer: Uint8Array): number | undefined {
  const view = Buffer.from(footer.buffer, footer.byteOffset, footer.length);
  if (view.length < FOOTER_BYTES || view.readUInt32LE(5) !== FOOTER_MAGIC) return undefined;
  const descriptor = view.readUInt8(4);
  if ((descriptor & RESERVED) !== 0) throw broken("uses a reserved bit");
  const bytes = HEADER_BYTES + view.readUInt32LE(0) * entryBytesOf(descriptor) + FOOTER_BYTES;
  if (bytes > MAX_SKIPPED_BYTES) throw broken(`is longer than ${MAX_SKIPPED_BYTES} bytes, the most that is accepted`);
  return bytes;
}

/** Where each frame lies, compressed and in the content. Sizes in bytes. */
export class FrameTable {
  /** How many frames there are. */
  readonly count: number;
  /** Of each frame where it begins, and after the last one the end. */
  readonly #compressed: Float64Array;
  readonly #content: Float64Array;

  /** Reads a whole table. `verify/sealed` where it is none. */
  constructor(table: Uint8Array) {
    const view = Buffer.from(table.buffer, table.byteOffset, table.length);
    if (view.length !== tableBytesOf(table.subarray(-FOOTER_BYTES))) throw broken("is not as long as it says");
    if (view.readUInt32LE(0) !== TABLE_MAGIC || view.readUInt32LE(4) !== view.length - HEADER_BYTES)
      throw broken("does not begin as its skippable frame does");
    this.count = view.readUInt32LE(view.length - FOOTER_BYTES);
    const entryBytes = entryBytesOf(view.readUInt8(view.length - FOOTER_BYTES + 4));
    this.#compressed = new Float64Array(this.count + 1);
    this.#content = new Float64Array(this.count + 1);
    for (let index = 0; index < this.count; index++) {
      const [compressed, content] = [0, 4].map((at) => view.readUInt32LE(HEADER_BYTES + index * entryBytes + at));
      if (compressed! > MAX_FRAME_BYTES || content! > MAX_CONTENT_BYTES)
        throw broken(`says that frame ${index + 1} is larger than any that is accepted`);
      this.#compressed[index + 1] = this.#compressed[index]! + compressed!;
      this.#content[index + 1] = this.#content[index]! + content!;
    }
  }

  get compressedBytes(): number {
    return this.#compressed[this.count]!;
  }

  get contentBytes(): number {
    return this.#content[this.count]!;
  }

  /** Which bytes of the compressed stream frame `index` takes, and which bytes of the content it holds. */
  frame(index: number): { readonly start: number; readonly end: number; readonly contentStart: number; readonly contentEnd: number } {
    return {
      start: this.#compressed[index]!,
      end: this.#compressed[index + 1]!,
      contentStart: this.#content[index]!,
      contentEnd: this.#content[index + 1]!,
    };
  }

  /** The frame that holds byte `offset` of the content, which has to be there. */
  frameAt(offset: number): number {
    let [low, high] = [0, this.count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#content[middle + 1]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function entryBytesOf(descriptor: number): number {
  return ENTRY_BYTES + ((descriptor & HAS_CHECKSUMS) === 0 ? 0 : CHECKSUM_BYTES);
}

function broken(what: string): LifeboatError {
  return new LifeboatError("verify/sealed", `the table of zstd frames at the end of the compressed data ${what}`);
}
