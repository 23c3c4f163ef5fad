import { LifeboatError } from "../errors.ts";
import { VarintCursor } from "./varint-cursor.ts";

// The index of a snapshot's live keys: docs/format.md, "The index". Pieces of records in the order of keys, and last of all a piece that says where each key is.

/** A live entry, and where it lies in the snapshot. */
export interface IndexRecord {
  readonly key: Uint8Array;
  /** Of the first byte of its entry: the revision, and the message with key and value after it. */
  readonly at: number;
  readonly bytes: number;
  /** The main part of its revision. */
  readonly revision: number;
  readonly valueBytes: number;
}

/** Of a piece, a little more than: large enough to compress, and one is what a lookup moves. */
const PIECE_BYTES = 64 * 1024;
/** Of the top, so that it is read back: a frame holds no more than twice this. */
const MOST_TOP_BYTES = 4 * 1024 * 1024;
const MAGIC = Buffer.from("LBINDEX1");
const DIGEST_BYTES = 32;

/** The keys of a snapshot are so many, or so long, that no index of them is made. */
export class IndexTooLarge extends Error {
  override readonly name = "IndexTooLarge";
}

/** Writes the index of records that come in the order of their keys. */
export class IndexWriter {
  count = 0;
  /** Of each piece the shortest beginning of its first key that comes after the key before it. */
  readonly #starts: Uint8Array[] = [];
  readonly #frameDigests: Uint8Array;
  #topBytes: number;

  /** `frameDigests`: SHA-256 of each zstd frame of the snapshot, one after the other. */
  constructor(frameDigests: Uint8Array) {
    this.#frameDigests = frameDigests;
    this.#topBytes = frameDigests.length + 64;
  }

  /** Each is valid until the next is asked for; so long a record's key has to stay as it is. Throws IndexTooLarge. */
  *pieces(records: Iterable<IndexRecord>): Generator<Uint8Array, void, undefined> {
    const out = new Output();
    let before: Uint8Array = new Uint8Array(0);
    for (const record of records) {
      const { key } = record;
      const shared = sharedBytes(before, key);
      if (out.length === 0) this.#begin(key.subarray(0, this.#starts.length === 0 ? 0 : shared + 1));
      const common = out.length === 0 ? 0 : shared;
      out.number(common);
      out.number(key.length - common);
      out.bytes(key.subarray(common));
      for (const figure of [record.at, record.bytes, record.revision, record.valueBytes]) out.number(figure);
      this.count += 1;
      before = key;
      if (out.length >= PIECE_BYTES) yield out.take();
    }
    if (out.length > 0) yield out.take();
  }

  /** The last piece, once all others were taken. `pieceDigests`: SHA-256 of each as it is compressed. */
  top(pieceDigests: Uint8Array): Uint8Array {
    const out = new Output();
    out.bytes(MAGIC);
    out.number(this.count);
    out.number(this.#starts.length);
    for (const [index, start] of this.#starts.entries()) {
      out.number(start.length);
      out.bytes(start);
      out.bytes(pieceDigests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES));
    }
    out.number(this.#frameDigests.length / DIGEST_BYTES);
    out.bytes(this.#frameDigests);
    return out.take();
  }

  #begin(start: Uint8Array): void {
    this.#topBytes += start.length + DIGEST_BYTES + 8;
    if (this.#topBytes > MOST_TOP_BYTES) throw new IndexTooLarge();
    this.#starts.push(Uint8Array.from(start));
  }
}

/** The last piece of an index. */
export class IndexTop {
  /** Keys. */
  readonly count: number;
  /** SHA-256 of each piece but this one, as they are compressed, one after the other; and of each zstd frame of the snapshot. */
  readonly pieceDigests: Uint8Array;
  readonly frameDigests: Uint8Array;
  readonly #starts: readonly Uint8Array[];

  /** Throws `verify/format` where it is none. */
  constructor(bytes: Uint8Array) {
    const input = new Input(bytes);
    if (!MAGIC.equals(input.bytes(MAGIC.length))) throw malformed();
    this.count = input.number();
    const starts: Uint8Array[] = [];
    const digests: Uint8Array[] = [];
    for (let left = input.number(); left > 0; left--) {
      starts.push(input.bytes(input.number()));
      digests.push(input.bytes(DIGEST_BYTES));
    }
    this.#starts = starts;
    this.pieceDigests = Buffer.concat(digests);
    this.frameDigests = input.bytes(input.number() * DIGEST_BYTES);
    if (!input.isAtEnd) throw malformed();
  }

  get pieces(): number {
    return this.#starts.length;
  }

  /** The piece that has `key`, if any has; undefined where there are no keys. */
  pieceOf(key: Uint8Array): number | undefined {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (Buffer.compare(this.#starts[middle]!, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return this.#starts.length === 0 ? undefined : low;
  }
}

/** The records of a piece, in the order of their keys. Throws `verify/format` where it is none. */
export function* recordsIn(piece: Uint8Array): Generator<IndexRecord, void, undefined> {
  const input = new Input(piece);
  let before = Buffer.alloc(0);
  while (!input.isAtEnd) {
    const common = input.number();
    if (common > before.length) throw malformed();
    const key = Buffer.concat([before.subarray(0, common), input.bytes(input.number())]);
    yield { key, at: input.number(), bytes: input.number(), revision: input.number(), valueBytes: input.number() };
    before = key;
  }
}

/** How many bytes two keys begin with alike, `most` at most. */
export function sharedBytes(one: Uint8Array, other: Uint8Array, most = Infinity): number {
  const end = Math.min(one.length, other.length, most);
  let shared = 0;
  while (shared < end && one[shared] === other[shared]) shared++;
  return shared;
}

function malformed(): LifeboatError {
  return new LifeboatError("verify/format", "the index of the snapshot is malformed");
}

/** Numbers are LEB128, as varints of protobuf are: seven bits a byte, the low ones first. Below 2^53. */
class Output {
  length = 0;
  #buffer = Buffer.alloc(2 * PIECE_BYTES);

  number(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.length++] = rest;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** What was written, valid until something is written again. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.length);
    this.length = 0;
    return taken;
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#buffer.length) return;
    const larger = Buffer.alloc(2 * (this.length + more));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }
}

class Input {
  readonly #bytes: Uint8Array;
  readonly #cursor = new VarintCursor();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#cursor.at === this.#bytes.length;
  }

  number(): number {
    const value = this.#cursor.next(this.#bytes, this.#bytes.length);
    if (value < 0 || !Number.isSafeInteger(value)) throw malformed();
    return value;
  }

  bytes(length: number): Uint8Array {
    const { at } = this.#cursor;
    if (length > this.#bytes.length - at) throw malformed();
    this.#cursor.at += length;
    return this.#bytes.subarray(at, at + length);
  }
}
