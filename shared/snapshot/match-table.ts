import { crc32c } from "./crc32c.ts";
import type { KeyValueReader } from "./key-value.ts";
import { MATCHED_BYTES } from "./limits.ts";
import { enlarged } from "./page-table.ts";

/** Which entries of bucket `key` are looked for, and what is kept of them. */
export interface EntryFilter {
  /** Whether the user key from `start` up to `end` is looked for. It is asked of every entry, tombstones and stale ones too, since only the end tells them apart. */
  readonly matches: (bytes: Uint8Array, start: number, end: number) => boolean;
  /** So many bytes of a value are kept, or so many by its key: 0 for keys alone, Infinity for all. */
  readonly valueBytes: number | ((bytes: Uint8Array, start: number, end: number) => number);
  /** Whether a digest of each value is kept, to compare values by. */
  readonly digestsValues?: boolean;
  /** Of what is kept at most, in all: past it nothing is kept but which entries matched. */
  readonly keptBytes?: number;
}

/** What values are compared by: CRC-32C, begun with the length. */
export function valueDigest(value: Uint8Array): number {
  return crc32c(value, value.length);
}

/** What a match takes beside its key and value. */
const RECORD_BYTES = 24;
const BLOCK_BYTES = 1 << 20;
const FIRST_MATCHES = 1024;

/**
 * The entries that a filter matched, in the order of the entry table: a bit for each entry, and of each match its key and the beginning of its value, until they
 * take more than the filter lets them. Then all of that is let go, and `isCut` says so.
 */
export class MatchTable {
  isCut = false;
  /** Matches that are kept; 0 once they are cut. */
  count = 0;
  readonly #filter: EntryFilter;
  readonly #limit: number;
  /** Of each entry. */
  #bits = new Uint8Array(4096);
  #digests: Uint32Array;
  /** Of each match: its entry, where its key lies (block and place in it), and how long key, whole value and kept value are. */
  #entries = new Uint32Array(FIRST_MATCHES);
  #blockOf = new Uint32Array(FIRST_MATCHES);
  #at = new Uint32Array(FIRST_MATCHES);
  #keyBytes = new Uint32Array(FIRST_MATCHES);
  #valueBytes = new Uint32Array(FIRST_MATCHES);
  #keptBytes = new Uint32Array(FIRST_MATCHES);
  /** Keys and values, each value after its key; no match lies in two blocks. */
  #blocks: Buffer[] = [];
  #used = 0;
  #kept = 0;

  constructor(filter: EntryFilter) {
    this.#filter = filter;
    this.#limit = filter.keptBytes ?? MATCHED_BYTES;
    this.#digests = new Uint32Array(filter.digestsValues === true ? 4096 : 0);
  }

  /** Looks at entry `entry`, whose message is in `bytes`. Entries come in ascending order; one that comes again takes the place of itself and of all after it. */
  note(entry: number, bytes: Uint8Array, message: KeyValueReader): void {
    const byte = entry >>> 3;
    if (byte >= this.#bits.length) this.#bits = enlarged(this.#bits, new Uint8Array(byte * 2));
    const bit = 1 << (entry & 7);
    if (!this.#filter.matches(bytes, message.keyStart, message.keyEnd)) {
      this.#bits[byte] = this.#bits[byte]! & ~bit;
      return;
    }
    this.#bits[byte] = this.#bits[byte]! | bit;
    if (this.#filter.digestsValues === true) this.#digest(entry, bytes.subarray(message.valueStart, message.valueEnd));
    if (!this.isCut) this.#keep(entry, bytes, message);
  }

  /** Forgets the matches from entry `entry` on: their page turned out to be none of revisions. */
  dropFrom(entry: number): void {
    while (this.count > 0 && this.#entries[this.count - 1]! >= entry) this.count--;
  }

  has(entry: number): boolean {
    return entry >>> 3 < this.#bits.length && (this.#bits[entry >>> 3]! & (1 << (entry & 7))) !== 0;
  }

  /** Of the value of a matched entry. */
  digestOf(entry: number): number {
    return this.#digests[entry]!;
  }

  /** The place of a matched entry among the matches; -1 where it is none, or nothing is kept. */
  indexOf(entry: number): number {
    let [low, high] = [0, this.count - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#entries[middle]!;
      if (found === entry) return middle;
      if (found < entry) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  entryOf(index: number): number {
    return this.#entries[index]!;
  }

  /** Whether two entries whose user keys hash alike have the same one, as far as what is kept tells. */
  isSameKey(a: number, b: number): boolean {
    if (this.isCut) return true;
    const [first, second] = [this.indexOf(a), this.indexOf(b)];
    // The filter goes by the key alone: it takes both or neither where the keys are one.
    if (first < 0 || second < 0) return first === second;
    return this.compareKeys(first, this, second) === 0;
  }

  /** Below 0 where the key of match `index` comes before that of match `other` of `table`. */
  compareKeys(index: number, table: MatchTable, other: number): number {
    const at = this.#at[index]!;
    const otherAt = table.#at[other]!;
    return this.#block(index).compare(table.#block(other), otherAt, otherAt + table.#keyBytes[other]!, at, at + this.#keyBytes[index]!);
  }

  /** Whether match `index` has that key. */
  hasKey(index: number, key: Uint8Array): boolean {
    const at = this.#at[index]!;
    return key.length === this.#keyBytes[index] && this.#block(index).compare(key, 0, key.length, at, at + key.length) === 0;
  }

  /** The same of two matches of this table whose keys have their first `shared` bytes in common: in place of a call into native code, which takes longer than it takes to compare what is left. */
  compareRests(index: number, other: number, shared: number): number {
    const one = this.#block(index);
    const two = this.#block(other);
    const at = this.#at[index]!;
    const otherAt = this.#at[other]!;
    const difference = this.#keyBytes[index]! - this.#keyBytes[other]!;
    const end = difference < 0 ? this.#keyBytes[index]! : this.#keyBytes[other]!;
    for (let byte = shared; byte < end; byte++) {
      const order = one[at + byte]! - two[otherAt + byte]!;
      if (order !== 0) return order;
    }
    return difference;
  }

  /** A view of what is kept. */
  key(index: number): Uint8Array {
    const at = this.#at[index]!;
    return this.#block(index).subarray(at, at + this.#keyBytes[index]!);
  }

  /** As much of the value as is kept. */
  value(index: number): Uint8Array {
    const at = this.#at[index]! + this.#keyBytes[index]!;
    return this.#block(index).subarray(at, at + this.#keptBytes[index]!);
  }

  valueBytes(index: number): number {
    return this.#valueBytes[index]!;
  }

  #block(index: number): Buffer {
    const block = this.#blocks[this.#blockOf[index]!];
    if (block === undefined) throw new RangeError(`there is no match ${index}`);
    return block;
  }

  #digest(entry: number, value: Uint8Array): void {
    if (entry >= this.#digests.length) this.#digests = enlarged(this.#digests, new Uint32Array(Math.ceil(entry * 1.5)));
    this.#digests[entry] = valueDigest(value);
  }

  #keep(entry: number, bytes: Uint8Array, { keyStart, keyEnd, valueStart, valueEnd }: KeyValueReader): void {
    const keyBytes = keyEnd - keyStart;
    const { valueBytes } = this.#filter;
    const most = typeof valueBytes === "number" ? valueBytes : valueBytes(bytes, keyStart, keyEnd);
    const keptValue = Math.min(most, valueEnd - valueStart);
    this.#kept += keyBytes + keptValue + RECORD_BYTES;
    if (this.#kept > this.#limit) return this.#cut();
    const at = this.#reserve(keyBytes + keptValue);
    if (this.count === this.#entries.length) this.#grow();
    const index = this.count++;
    this.#entries[index] = entry;
    this.#blockOf[index] = this.#blocks.length - 1;
    this.#at[index] = at;
    this.#keyBytes[index] = keyBytes;
    this.#valueBytes[index] = valueEnd - valueStart;
    this.#keptBytes[index] = keptValue;
    const block = this.#block(index);
    block.set(bytes.subarray(keyStart, keyEnd), at);
    block.set(bytes.subarray(valueStart, valueStart + keptValue), at + keyBytes);
  }

  /** Where `length` bytes are free in the last block. */
  #reserve(length: number): number {
    const last = this.#blocks.at(-1);
    if (last === undefined || this.#used + length > last.length) {
      this.#blocks.push(Buffer.alloc(Math.max(BLOCK_BYTES, length)));
      this.#used = 0;
    }
    this.#used += length;
    return this.#used - length;
  }

  #cut(): void {
    this.isCut = true;
    this.count = 0;
    this.#blocks = [];
    [this.#entries, this.#blockOf, this.#at] = [new Uint32Array(0), new Uint32Array(0), new Uint32Array(0)];
    [this.#keyBytes, this.#valueBytes, this.#keptBytes] = [new Uint32Array(0), new Uint32Array(0), new Uint32Array(0)];
  }

  #grow(): void {
    const length = this.count * 2;
    this.#entries = enlarged(this.#entries, new Uint32Array(length));
    this.#blockOf = enlarged(this.#blockOf, new Uint32Array(length));
    this.#at = enlarged(this.#at, new Uint32Array(length));
    this.#keyBytes = enlarged(this.#keyBytes, new Uint32Array(length));
    this.#valueBytes = enlarged(this.#valueBytes, new Uint32Array(length));
    this.#keptBytes = enlarged(this.#keptBytes, new Uint32Array(length));
  }
}
