import type { KeyObject } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import { MAX_HEADER_BYTES, NONCE_BYTES, openHeader, readHeader } from "./age-header.ts";
import type { AgeIdentity } from "./age-identities.ts";
import { asObject, broken, CHUNK_BYTES, misplaced, openChunk, payloadKey, SEALED_CHUNK_BYTES, TAG_BYTES } from "./age-payload.ts";

/** An object of which any bytes can be read by themselves. */
export interface RangeSource {
  /** Of the whole object. */
  readonly bytes: number;
  /** The bytes from `start` up to `end`, all of them, which have to be there. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Read first: a header of some 20 X25519 recipients is smaller. */
const HEAD_BYTES = 4 * 1024;
/** Read at the same time: the last chunk is in it whole, and mostly one before it. */
const TAIL_BYTES = 2 * SEALED_CHUNK_BYTES;

/**
 * An age v1 file that is opened here and there (https://c2sp.org/age#payload): the payload's key comes from the header, and each chunk has a nonce of its own place, so that it is opened, and authenticated, by its
 * number alone. That no chunk is of another place, and that the file ends where its writer ended it, is known as for a whole file; that all of it is whole is not.
 */
export class AgeReader {
  /** Of the plaintext. */
  readonly bytes: number;
  readonly #source: RangeSource;
  readonly #key: KeyObject;
  /** Where the first chunk begins. */
  readonly #start: number;
  readonly #chunks: number;

  private constructor(source: RangeSource, key: Uint8Array, start: number) {
    const payload = source.bytes - start;
    this.#source = source;
    this.#key = asObject(key);
    this.#start = start;
    this.#chunks = Math.max(1, Math.ceil(payload / SEALED_CHUNK_BYTES));
    const last = payload - (this.#chunks - 1) * SEALED_CHUNK_BYTES;
    if (last < TAG_BYTES) throw broken(this.#chunks - 1, "was altered, moved or cut");
    if (last === TAG_BYTES && this.#chunks > 1)
      throw broken(this.#chunks - 1, "is an empty last chunk after others, which age does not allow");
    this.bytes = payload - this.#chunks * TAG_BYTES;
  }

  /**
   * Reads the header and the end. Errors: those of `source` unchanged, `keys/no-match`, `keys/invalid`, and `verify/sealed` for what is no age file, or does not end with its last chunk.
   */
  static async open(source: RangeSource, identities: readonly AgeIdentity[]): Promise<AgeReader> {
    const kept = await withEnds(source);
    const { header, nonce } = await readHeader(front(kept));
    const fileKey = await openHeader(header, identities);
    const reader = new AgeReader(kept, payloadKey(fileKey, nonce), header.length + NONCE_BYTES);
    await reader.#open(reader.#chunks - 1, reader.#chunks);
    return reader;
  }

  /** The plaintext from `start` up to `end`, both within it, out of the chunks that cover it and no others. `verify/sealed` where one of them is not authentic. */
  async read(start: number, end: number): Promise<Uint8Array> {
    if (!(Number.isSafeInteger(start) && start >= 0 && end >= start && end <= this.bytes))
      throw new RangeError(`bytes ${start} to ${end} are not within the ${this.bytes} of an age file`);
    if (start === end) return new Uint8Array(0);
    const first = Math.floor(start / CHUNK_BYTES);
    const plain = await this.#open(first, Math.floor((end - 1) / CHUNK_BYTES) + 1);
    return plain.subarray(start - first * CHUNK_BYTES, end - first * CHUNK_BYTES);
  }

  /** Chunks from `from` up to `to`. */
  async #open(from: number, to: number): Promise<Uint8Array> {
    const at = this.#start + from * SEALED_CHUNK_BYTES;
    const sealed = await this.#source.read(at, Math.min(this.#start + to * SEALED_CHUNK_BYTES, this.#source.bytes));
    const plain = Buffer.allocUnsafeSlow(sealed.length - (to - from) * TAG_BYTES);
    for (let index = from; index < to; index++) {
      const chunk = sealed.subarray((index - from) * SEALED_CHUNK_BYTES, (index - from + 1) * SEALED_CHUNK_BYTES);
      const isLast = index === this.#chunks - 1;
      const opened = openChunk(this.#key, index, isLast, chunk);
      if (opened === undefined) {
        const isMisplaced = chunk.length === SEALED_CHUNK_BYTES && openChunk(this.#key, index, !isLast, chunk) !== undefined;
        throw broken(index, isMisplaced ? misplaced(isLast) : "was altered, moved or cut");
      }
      plain.set(opened, (index - from) * CHUNK_BYTES);
    }
    return plain;
  }
}

/** Reads both ends of `source` at once, and keeps them. */
async function withEnds(source: RangeSource): Promise<RangeSource> {
  if (source.bytes === 0) throw new LifeboatError("verify/sealed", "the age file is empty");
  const tailStart = Math.max(0, source.bytes - TAIL_BYTES);
  const [head, tail] = await Promise.all([
    tailStart === 0 ? undefined : source.read(0, Math.min(HEAD_BYTES, tailStart)),
    source.read(tailStart, source.bytes),
  ]);
  return {
    bytes: source.bytes,
    async read(start, end) {
      if (start >= tailStart) return tail.subarray(start - tailStart, end - tailStart);
      return head !== undefined && end <= head.length ? head.subarray(start, end) : source.read(start, end);
    },
  };
}

/** What a header may take, in two pieces: most are in the first. */
async function* front(source: RangeSource): AsyncGenerator<Uint8Array, void, undefined> {
  const most = Math.min(source.bytes, MAX_HEADER_BYTES + NONCE_BYTES);
  const first = Math.min(HEAD_BYTES, most);
  yield await source.read(0, first);
  if (first < most) yield await source.read(first, most);
}
