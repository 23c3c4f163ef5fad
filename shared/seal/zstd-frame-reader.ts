import { LifeboatError } from "../errors.ts";

// Where zstd frames begin and end: RFC 8878, section 3.1. Only headers are read here; what is in the blocks is the decompressor's
// to judge.

const MAGIC = 0xfd2fb528;
/** 0x184D2A50 to 0x184D2A5F: section 3.1.2. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** A frame's window and content may be no larger: twice the block that lifeboat puts into one frame. */
export const MAX_CONTENT_BYTES = 8 * 1024 * 1024;
const MAX_BLOCK_BYTES = 128 * 1024;
/**
 * The content bound, stored without compression in the smallest blocks that any encoder makes (1 KiB, 3 bytes of header each), and
 * some.
 */
export const MAX_FRAME_BYTES = MAX_CONTENT_BYTES + 32 * 1024;
const CHECKSUM_BYTES = 4;
/** Of a skippable frame: magic number and size. */
const SKIPPABLE_HEADER_BYTES = 8;
/**
 * 8 MiB of a whole stream, headers counted: far above what tools put there (the seek table of a snapshot of 8 GB is some 25 KB), and so few that what holds nothing costs no time either.
 */
export const MAX_SKIPPED_BYTES = 8 * 1024 * 1024;

export interface ZstdFrame {
  /** The whole frame: magic number to checksum. */
  readonly bytes: Uint8Array;
  /** What the frame says that it holds; undefined where it does not say. */
  readonly contentBytes: number | undefined;
}

interface FrameHeader {
  readonly contentBytes: number | undefined;
  readonly hasChecksum: boolean;
}

/**
 * Splits a stream, given in chunks of any size, into frames, and passes over skippable ones (section 3.1.2), which `zstd -d` does too: they hold nothing of the content. Holds one frame at most, and nothing
 * of a skippable one. `verify/sealed` for what is no frame, for frames larger than lifeboat makes, and for more than MAX_SKIPPED_BYTES to pass over.
 */
export class ZstdFrameReader {
  #buffer = Buffer.allocUnsafe(MAX_BLOCK_BYTES);
  #filled = 0;
  /** How much of the frame must be there before its next part can be told. */
  #needed = 5;
  #header: FrameHeader | undefined;
  #state: "descriptor" | "header" | "block" | "end" | "skippable" = "descriptor";
  /** Bytes of a skippable frame that are still to come, and of all of them together. */
  #toSkip = 0;
  #skipped = 0;
  /** Of the stream, where the present frame begins. */
  #offset = 0;
  #frames = 0;

  /** The frames that `chunk` completes. `chunk` is copied. */
  *push(chunk: Uint8Array): Generator<ZstdFrame, void, undefined> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#toSkip > 0) {
        const passed = Math.min(this.#toSkip, chunk.length - at);
        this.#toSkip -= passed;
        this.#offset += passed;
        at += passed;
        continue;
      }
      const part = Math.min(chunk.length - at, this.#needed - this.#filled);
      this.#reserve(this.#needed);
      this.#buffer.set(chunk.subarray(at, at + part), this.#filled);
      this.#filled += part;
      at += part;
      if (this.#filled < this.#needed) return;
      const frame = this.#advance();
      if (frame !== undefined) yield frame;
    }
  }

  /** To be called when the stream is at its end: throws where that is not the end of a frame, or where there was none. */
  end(): void {
    if (this.#filled > 0 || this.#toSkip > 0) throw this.#broken("is cut short");
    if (this.#frames === 0) throw new LifeboatError("verify/sealed", "the compressed data is empty: not even an empty frame is there");
  }

  #advance(): ZstdFrame | undefined {
    if (this.#state === "skippable") return this.#skip();
    if (this.#state === "descriptor") {
      if ((this.#buffer.readUInt32LE(0) & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
        this.#needed = SKIPPABLE_HEADER_BYTES;
        this.#state = "skippable";
        return undefined;
      }
      this.#needed = this.#headerBytes();
      this.#state = "header";
      return undefined;
    }
    if (this.#state === "header") {
      this.#header = this.#readHeader();
      this.#needed += 3;
      this.#state = "block";
      return undefined;
    }
    return this.#state === "block" ? this.#nextBlock() : this.#finish();
  }

  /** Section 3.1.2: the size, and then so many bytes of anything. */
  #skip(): undefined {
    this.#toSkip = this.#buffer.readUInt32LE(4);
    this.#skipped += SKIPPABLE_HEADER_BYTES + this.#toSkip;
    if (this.#skipped > MAX_SKIPPED_BYTES)
      throw this.#broken(`comes after ${this.#skipped} skippable bytes, and at most ${MAX_SKIPPED_BYTES} are skipped`);
    this.#offset += this.#filled;
    this.#filled = 0;
    this.#needed = 5;
    this.#state = "descriptor";
  }

  /** Section 3.1.1.1: the descriptor says which fields follow it. */
  #headerBytes(): number {
    const magic = this.#buffer.readUInt32LE(0);
    if (magic !== MAGIC) throw this.#broken("does not begin as a zstd frame does");
    const descriptor = this.#buffer.readUInt8(4);
    if ((descriptor & 0x08) !== 0) throw this.#broken("uses a reserved bit");
    if ((descriptor & 0x03) !== 0) throw this.#broken("needs a dictionary");
    return 5 + (isSingleSegment(descriptor) ? 0 : 1) + contentFieldBytes(descriptor);
  }

  #readHeader(): FrameHeader {
    const descriptor = this.#buffer.readUInt8(4);
    const content = this.#contentBytes(contentFieldBytes(descriptor));
    const window = isSingleSegment(descriptor) ? (content ?? 0) : windowBytes(this.#buffer.readUInt8(5));
    if (window > MAX_CONTENT_BYTES)
      throw this.#broken(`needs a window of ${window} bytes, and the most that is accepted is ${MAX_CONTENT_BYTES}`);
    if (content !== undefined && content > MAX_CONTENT_BYTES) {
      throw this.#broken(`says that it holds ${content} bytes, and the most that is accepted is ${MAX_CONTENT_BYTES}`);
    }
    return { contentBytes: content, hasChecksum: (descriptor & 0x04) !== 0 };
  }

  /** Section 3.1.1.1.4: the last field of the header, of `fieldBytes`, has just been read. */
  #contentBytes(fieldBytes: number): number | undefined {
    const at = this.#filled - fieldBytes;
    if (fieldBytes === 0) return undefined;
    if (fieldBytes === 2) return this.#buffer.readUInt16LE(at) + 256;
    return fieldBytes === 8 ? Number(this.#buffer.readBigUInt64LE(at)) : this.#buffer.readUIntLE(at, fieldBytes);
  }

  /**
   * Section 3.1.1.2: 3 bytes, little-endian: last (1 bit), type (2 bits), size (21 bits). Asked for when a block's header has just
   * been read.
   */
  #nextBlock(): ZstdFrame | undefined {
    const blockHeader = this.#buffer.readUIntLE(this.#filled - 3, 3);
    const last = (blockHeader & 1) === 1;
    const type = (blockHeader >> 1) & 3;
    const size = blockHeader >> 3;
    if (type === 3) throw this.#broken("has a block of the reserved type");
    if (size > MAX_BLOCK_BYTES) throw this.#broken(`has a block of ${size} bytes, and zstd allows ${MAX_BLOCK_BYTES}`);
    const stored = type === 1 ? 1 : size; // a run (type 1) stores its one byte, whatever its size
    const next = last ? (this.#header?.hasChecksum === true ? CHECKSUM_BYTES : 0) : 3;
    this.#needed = this.#filled + stored + next;
    if (this.#needed > MAX_FRAME_BYTES) throw this.#broken(`is longer than ${MAX_FRAME_BYTES} bytes, the most that is accepted`);
    if (!last) return undefined;
    this.#state = "end";
    return this.#needed === this.#filled ? this.#finish() : undefined;
  }

  #finish(): ZstdFrame {
    const frame = { bytes: this.#buffer.subarray(0, this.#filled), contentBytes: this.#header?.contentBytes };
    this.#offset += this.#filled;
    this.#frames++;
    // The next frame is mostly of a like size.
    this.#buffer = Buffer.allocUnsafe(Math.min(MAX_FRAME_BYTES, Math.ceil(1.25 * this.#filled) + MAX_BLOCK_BYTES));
    this.#filled = 0;
    this.#needed = 5;
    this.#header = undefined;
    this.#state = "descriptor";
    return frame;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.min(MAX_FRAME_BYTES, Math.max(bytes, 2 * this.#buffer.length)));
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }

  #broken(what: string): LifeboatError {
    return new LifeboatError("verify/sealed", `zstd frame ${this.#frames + 1}, at byte ${this.#offset} of the compressed data, ${what}`);
  }
}

function isSingleSegment(descriptor: number): boolean {
  return (descriptor & 0x20) !== 0;
}

/** Section 3.1.1.1.4: 0, 1, 2, 4 or 8 bytes. */
function contentFieldBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? (isSingleSegment(descriptor) ? 1 : 0) : 2 ** flag;
}

/** Section 3.1.1.1.2. Up to 3.75 TiB: beyond 32 bits, so not by shifts. */
function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
