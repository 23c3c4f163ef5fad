import { crc32c, crc32cOfRange } from "./crc32c.ts";
import { EncryptionKinds } from "./encryption-kinds.ts";
import { EntryTable, TOMBSTONE } from "./entry-table.ts";
import { KeyValueReader } from "./key-value.ts";
import { EXTENT_BYTES, KEPT_BYTES, KEPT_SHARE, REREAD_BYTES, REREAD_FACTOR } from "./limits.ts";
import { HEADER_BYTES } from "./meta-page.ts";
import type { Meta } from "./meta-page.ts";
import { KIND, PageTable, WHY } from "./page-table.ts";
import type { PrefixTable } from "./prefix-table.ts";
import { UserKeyHash } from "./user-key-hash.ts";

const FLAG = { branch: 1, leaf: 2, freelist: 16 } as const;
/** Of a leaf (flags, pos, ksize, vsize: u32 each) and of a branch (pos, ksize: u32; pgid: u64). */
export const ELEMENT_BYTES = 16;
/** A revision is main u64, `_`, sub u64, big-endian; a tombstone's has a `t` after it (etcd: mvcc/revision.go). */
export const REVISION_BYTES = 17;
const UNDERSCORE = 0x5f;
const LETTER_T = 0x74;
const TWO_TO_32 = 2 ** 32;
/** The upper half of a revision below 2^53. */
const MAIN_HIGH_LIMIT = 2 ** 21;

/** Bytes of one buffer, as they are and as little-endian words; `words[0]` is `bytes[0..3]`. */
export interface Words {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

/** Reads pages one by one, in the order of their numbers, into the two tables. */
export class PageReader {
  readonly pages = new PageTable();
  readonly entries = new EntryTable();
  readonly encryption = new EncryptionKinds();
  /** Pages of revisions that came after the entry table was full: for them only what stands in the page table is known. */
  isFull = false;
  /** Kept only where a survey is wanted. */
  readonly prefixes: PrefixTable | undefined;
  readonly #meta: Meta;
  readonly #entryLimit: number;
  readonly #keyValue = new KeyValueReader();
  readonly #userKey = new UserKeyHash();
  #keptBytes = 0;
  #rereadBytes = 0;

  constructor(meta: Meta, entryLimit: number, prefixes?: PrefixTable) {
    this.#meta = meta;
    this.#entryLimit = entryLimit;
    this.prefixes = prefixes;
  }

  get pageSize(): number {
    return this.#meta.pageSize;
  }

  /** How many bytes from the beginning of page `id` on, `at` in the buffer, are needed to read it. */
  extentOf({ words }: Words, at: number, id: number): number {
    const pageSize = this.#meta.pageSize;
    const overflow = words[(at >>> 2) + 3]!;
    if (overflow === 0 || !isCandidate(words, at, id)) return pageSize;
    const extent = (overflow + 1) * pageSize;
    return id + overflow >= this.#meta.pages || extent > EXTENT_BYTES ? pageSize : extent;
  }

  /** Records the page after those before; `available` bytes of it and what follows are there. */
  read(source: Words, at: number, available: number): void {
    const { words } = source;
    const pages = this.pages;
    const id = pages.add();
    if (!isCandidate(words, at, id)) return;
    const overflow = words[(at >>> 2) + 3]!;
    const extent = (overflow + 1) * this.#meta.pageSize;
    const flags = words[(at >>> 2) + 2]! & 0xffff;
    pages.overflow[id] = overflow;
    if (id + overflow >= this.#meta.pages) return this.#broken(id, WHY.overflow);
    if (extent > EXTENT_BYTES) return this.#broken(id, WHY.extent);
    if (extent > available) return this.#broken(id, WHY.overflow);
    if (overflow > 0) {
      this.#rereadBytes += extent;
      if (this.#rereadBytes > REREAD_BYTES + REREAD_FACTOR * pages.count * this.#meta.pageSize) return this.#broken(id, WHY.extent);
    }
    if (flags === FLAG.freelist) {
      if (id === this.#meta.freelist) this.#keep(source, at, id, KIND.freelist, extent);
      return;
    }
    if (flags === FLAG.branch) {
      const end = branchEnd(words, at, extent);
      return end < 0 ? this.#broken(id, WHY.elements) : this.#keep(source, at, id, KIND.branch, end);
    }
    const count = words[(at >>> 2) + 2]! >>> 16;
    const end = leafEnd(words, at, extent);
    if (end < 0) return this.#broken(id, WHY.elements);
    if (!haveRevisionKeys(words, at, count) || !this.#readRevisions(source, at, id, count, end)) this.#keep(source, at, id, KIND.leaf, end);
  }

  #broken(id: number, why: number): void {
    this.pages.kind[id] = KIND.broken;
    this.pages.ref[id] = why;
  }

  #keep({ bytes }: Words, at: number, id: number, kind: number, length: number): void {
    const pages = this.pages;
    this.#keptBytes += length;
    if (this.#keptBytes > KEPT_BYTES + KEPT_SHARE * pages.count * this.#meta.pageSize) return this.#broken(id, WHY.kept);
    pages.kind[id] = kind;
    pages.ref[id] = pages.kept.push(new Uint8Array(bytes.subarray(at, at + length))) - 1;
  }

  /** False, and nothing recorded, where an entry is not a revision with its mvccpb.KeyValue. */
  #readRevisions({ bytes, words }: Words, at: number, id: number, count: number, end: number): boolean {
    const { pages, entries } = this;
    const dataStart = HEADER_BYTES + ELEMENT_BYTES * count;
    const isRecorded = entries.count + count <= this.#entryLimit;
    if (isRecorded) entries.reserve(count);
    let key = at + dataStart;
    let crc = 0;
    let main = -1;
    let sub = 0;
    let isTombstone = false;
    let isInOrder = true;
    for (let index = 0; index < count; index++) {
      const element = (at + HEADER_BYTES + ELEMENT_BYTES * index) >>> 2;
      const keyBytes = words[element + 2]!;
      const value = key + keyBytes;
      const next = value + words[element + 3]!;
      const high = bigEndian(bytes, key);
      if (bytes[key + 8] !== UNDERSCORE || high >= MAIN_HIGH_LIMIT || bigEndian(bytes, key + 9) !== 0) return false;
      if (keyBytes > REVISION_BYTES && bytes[key + REVISION_BYTES] !== LETTER_T) return false;
      const entryMain = high * TWO_TO_32 + bigEndian(bytes, key + 4);
      const entrySub = bigEndian(bytes, key + 13);
      const entryTombstone = keyBytes > REVISION_BYTES;
      if (entryMain < main || (entryMain === main && (entrySub < sub || (entrySub === sub && (isTombstone || !entryTombstone)))))
        isInOrder = false;
      main = entryMain;
      sub = entrySub;
      isTombstone = entryTombstone;
      if (index === 0) {
        pages.firstMain[id] = main;
        pages.firstSub[id] = sub;
        pages.tombstones[id] = isTombstone ? 1 : 0;
      }
      if (!this.#keyValue.read(bytes, value, next)) return false;
      if (isRecorded) {
        crc = crc32cOfRange(bytes, key, next, crc);
        const entry = entries.count + index;
        this.#userKey.of(bytes, this.#keyValue.keyStart, this.#keyValue.keyEnd);
        this.prefixes?.note(entry, bytes, this.#keyValue.keyStart, this.#keyValue.keyEnd);
        entries.main[entry] = main;
        entries.hashLow[entry] = this.#userKey.low;
        entries.hashHigh[entry] = this.#userKey.high;
        entries.crcUpTo[entry] = crc;
        entries.bytesUpTo[entry] = next - at - dataStart;
        entries.flags[entry] =
          this.encryption.numberOf(bytes, this.#keyValue.valueStart, this.#keyValue.valueEnd) | (isTombstone ? TOMBSTONE : 0);
      }
      key = next;
    }
    if (!isInOrder) {
      this.#broken(id, WHY.order);
      return true;
    }
    pages.kind[id] = KIND.revisions;
    pages.ref[id] = entries.count;
    pages.entries[id] = count;
    pages.dataBytes[id] = end - dataStart;
    pages.crc[id] = isRecorded ? crc : crc32c(bytes.subarray(at + dataStart, at + end));
    pages.lastMain[id] = main;
    pages.lastSub[id] = sub;
    pages.tombstones[id] = pages.tombstones[id]! | (isTombstone ? 2 : 0);
    if (isRecorded) entries.count += count;
    else this.isFull = true;
    return true;
  }
}

/** Whether what lies at `at` says that it is page `id`, and of a kind that can matter. */
function isCandidate(words: Uint32Array, at: number, id: number): boolean {
  const word = at >>> 2;
  if (words[word]! + words[word + 1]! * TWO_TO_32 !== id) return false;
  const flags = words[word + 2]! & 0xffff;
  return flags === FLAG.branch || flags === FLAG.leaf || flags === FLAG.freelist;
}

function haveRevisionKeys(words: Uint32Array, at: number, count: number): boolean {
  for (let index = 0; index < count; index++) {
    const element = (at + HEADER_BYTES + ELEMENT_BYTES * index) >>> 2;
    const keyBytes = words[element + 2]!;
    if (words[element] !== 0 || (keyBytes !== REVISION_BYTES && keyBytes !== REVISION_BYTES + 1)) return false;
  }
  return count > 0;
}

/**
 * How many bytes of a leaf are used; -1 where its elements do not follow each other closely, as bbolt writes them
 * (internal/common/inode.go), or leave the page.
 */
export function leafEnd(words: Uint32Array, at: number, extent: number): number {
  const count = words[(at >>> 2) + 2]! >>> 16;
  let end = HEADER_BYTES + ELEMENT_BYTES * count;
  if (end > extent) return -1;
  for (let index = 0; index < count; index++) {
    const offset = HEADER_BYTES + ELEMENT_BYTES * index;
    const element = (at + offset) >>> 2;
    if (offset + words[element + 1]! !== end) return -1;
    end += words[element + 2]! + words[element + 3]!;
    if (end > extent) return -1;
  }
  return end;
}

function branchEnd(words: Uint32Array, at: number, extent: number): number {
  const count = words[(at >>> 2) + 2]! >>> 16;
  let end = HEADER_BYTES + ELEMENT_BYTES * count;
  // A branch without a child cannot be searched.
  if (count === 0 || end > extent) return -1;
  for (let index = 0; index < count; index++) {
    const offset = HEADER_BYTES + ELEMENT_BYTES * index;
    const element = (at + offset) >>> 2;
    if (offset + words[element]! !== end) return -1;
    end += words[element + 1]!;
    if (end > extent) return -1;
  }
  return end;
}

function bigEndian(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
