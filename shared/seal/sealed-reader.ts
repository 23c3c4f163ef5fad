import { LifeboatError } from "../errors.ts";
import { AgeReader } from "./age-reader.ts";
import type { RangeSource } from "./age-reader.ts";
import type { AgeIdentity } from "./age-identities.ts";
import { FOOTER_BYTES, FrameTable, tableBytesOf } from "./frame-table.ts";
import { digestOf } from "./seal-pieces.ts";
import { decompressOne } from "./zstd-frames.ts";

/** Frames whose content is kept, 4 MiB each: what is asked for next mostly lies in one of the last ones. */
const KEPT_FRAMES = 4;
/** Of SHA-256. */
const DIGEST_BYTES = 32;

/**
 * What was sealed (seal.ts), opened here and there: of a read only the frames that cover it are fetched, and of age only the chunks that cover those. Each byte that is handed out is authentic as age
 * knows it: made by someone who had the recipients, which anybody may have. Only `requireDigests` binds it to somebody's signature, and the place of a frame in the content is the word of the table: a reader compares `bytes`, and what it finds.
 */
export class SealedReader {
  readonly #age: AgeReader;
  readonly #table: FrameTable;
  /** The content of frames by number, the last used last. */
  readonly #kept = new Map<number, Promise<Uint8Array>>();
  readonly #digests = new Map<number, Uint8Array>();

  private constructor(age: AgeReader, table: FrameTable) {
    this.#age = age;
    this.#table = table;
  }

  /**
   * Reads the header and the table of frames. Undefined where there is no such table: older versions wrote none. Errors: those of `source` unchanged, `keys/no-match`, `keys/invalid`, and
   * `verify/sealed` for what is not what was sealed.
   */
  static async open(source: RangeSource, identities: readonly AgeIdentity[]): Promise<SealedReader | undefined> {
    const age = await AgeReader.open(source, identities);
    if (age.bytes < FOOTER_BYTES) return undefined;
    const tableBytes = tableBytesOf(await age.read(age.bytes - FOOTER_BYTES, age.bytes));
    if (tableBytes === undefined) return undefined;
    if (tableBytes > age.bytes) throw misfit();
    const table = new FrameTable(await age.read(age.bytes - tableBytes, age.bytes));
    if (table.compressedBytes + tableBytes !== age.bytes) throw misfit();
    return new SealedReader(age, table);
  }

  /** Of the content. */
  get bytes(): number {
    return this.#table.contentBytes;
  }

  get frames(): number {
    return this.#table.count;
  }

  /** From now on each frame from `first` on must have its SHA-256 of `digests`, which has one after the other. `verify/sealed` where they are not as many. */
  requireDigests(digests: Uint8Array, first = 0): void {
    const count = this.frames - first;
    if (digests.length !== DIGEST_BYTES * count)
      throw new LifeboatError("verify/sealed", `there are ${count} zstd frames, and digests of ${digests.length / DIGEST_BYTES}`);
    for (let index = 0; index < count; index++)
      this.#digests.set(first + index, digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES));
    this.#kept.clear();
  }

  /** The content of frame `index`, from 0: a view that is not to be written to. */
  piece(index: number): Promise<Uint8Array> {
    return this.#content(index);
  }

  /** `length` bytes of the content from `offset` on, a view that is not to be written to. `verify/size` where they are not all there. */
  async readAt(offset: number, length: number): Promise<Uint8Array> {
    const end = offset + length;
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(end) && offset >= 0 && length >= 0 && end <= this.bytes))
      throw new LifeboatError("verify/size", `bytes ${offset} to ${end} are not within the ${this.bytes} that were sealed`);
    if (length === 0) return new Uint8Array(0);
    const first = this.#table.frameAt(offset);
    const { contentStart, contentEnd } = this.#table.frame(first);
    if (end <= contentEnd) return (await this.#content(first)).subarray(offset - contentStart, end - contentStart);
    const whole = new Uint8Array(length);
    for (let at = offset; at < end;) {
      const frame = this.#table.frameAt(at);
      const range = this.#table.frame(frame);
      const piece = (await this.#content(frame)).subarray(at - range.contentStart, end - range.contentStart);
      whole.set(piece, at - offset);
      at += piece.length;
    }
    return whole;
  }

  #content(frame: number): Promise<Uint8Array> {
    const content = this.#kept.get(frame) ?? this.#open(frame);
    this.#kept.delete(frame);
    this.#kept.set(frame, content);
    // One that failed is asked for anew.
    content.catch(() => this.#kept.delete(frame));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_FRAMES) break;
      this.#kept.delete(oldest);
    }
    return content;
  }

  async #open(frame: number): Promise<Uint8Array> {
    const { start, end, contentStart, contentEnd } = this.#table.frame(frame);
    const bytes = await this.#age.read(start, end);
    const digest = this.#digests.get(frame);
    if (digest !== undefined && Buffer.compare(digestOf(bytes), digest) !== 0)
      throw new LifeboatError("verify/sealed", `zstd frame ${frame + 1} of the compressed data is another one than was verified`, {
        hint: "do not restore from it; use another snapshot or a replica, and find out what changed the store",
      });
    const content = await decompressOne(bytes, frame + 1);
    if (content.length === contentEnd - contentStart) return content;
    throw new LifeboatError(
      "verify/sealed",
      `zstd frame ${frame + 1} of the compressed data holds ${content.length} bytes, and the table of frames says ${contentEnd - contentStart}`,
    );
  }
}

function misfit(): LifeboatError {
  return new LifeboatError("verify/sealed", "the table of zstd frames does not fit the compressed data that it ends");
}
