import { crc32c, crc32cOfRange } from "./crc32c.ts";
import { branchEnd, ELEMENT_BYTES, leafEnd } from "./elements.ts";
import { EncryptionKinds } from "./encryption-kinds.ts";
import { EntryTable, TOMBSTONE } from "./entry-table.ts";
import { KeyValueReader } from "./key-value.ts";
import { EXTENT_BYTES, KEPT_BYTES, KEPT_RECORD_BYTES, KEPT_SHARE, REREAD_BYTES, REREAD_FACTOR } from "./limits.ts";
import { HEADER_BYTES } from "./meta-page.ts";
import type { MatchTable } from "./match-table.ts";
import type { Meta } from "./meta-page.ts";
import { KIND, NOT_RECORDED, PageTable, WHY } from "./page-table.ts";
import type { PrefixTable } from "./prefix-table.ts";
import { Revision } from "./revision.ts";
import { UserKeyHash } from "./user-key-hash.ts";
import type { Words } from "./words.ts";

const FLAG = { branch: 1, leaf: 2, freelist: 16 } as const;
const TWO_TO_32 = 2 ** 32;

/** Reads pages one by one, in the order of their numbers, into the two tables. */
export class PageReader {
  readonly pages: PageTable;
  readonly entries: EntryTable;
  readonly encryption = new EncryptionKinds();
  /** Kept only where a survey is wanted. */
  readonly prefixes: PrefixTable | undefined;
  /** Kept only where entries are looked for. */
  readonly matches: MatchTable | undefined;
  readonly #meta: Meta;
  readonly #entryLimit: number;
  readonly #keyValue = new KeyValueReader();
  readonly #userKey = new UserKeyHash();
  /** The keys of an entry and of the one before it. */
  readonly #key = new Revision();
  readonly #keyBefore = new Revision();
  /** Where a bucket `key` lies that is so small that its only page is inside the bucket's entry. */
  #inline: { readonly page: number; readonly at: number; readonly length: number } | undefined;
  #keptBytes = 0;
  #rereadBytes = 0;

  constructor(
    meta: Meta,
    entryLimit: number,
    { prefixes, matches }: { prefixes?: PrefixTable | undefined; matches?: MatchTable | undefined } = {},
  ) {
    this.#meta = meta;
    this.#entryLimit = entryLimit;
    this.prefixes = prefixes;
    this.matches = matches;
    // One more for the page inside a bucket.
    this.pages = new PageTable(meta.pages + 1);
    this.entries = new EntryTable(meta.pages);
  }

  get pageSize(): number {
    return this.#meta.pageSize;
  }

  /** How many bytes from the beginning of page `id` on, `at` in the buffer, are needed to read it. */
  extentOf({ words }: Words, at: number, id: number): number {
    const { pageSize, pages } = this.#meta;
    const overflow = words[(at >>> 2) + 3]!;
    if (overflow === 0 || !isCandidate(words, at, id)) return pageSize;
    const extent = (overflow + 1) * pageSize;
    return id + overflow >= pages || extent > EXTENT_BYTES ? pageSize : extent;
  }

  /** Records the page after those before; `available` bytes of it and what follows are there. */
  read(source: Words, at: number, available: number): void {
    const { words } = source;
    const id = this.pages.add();
    if (!isCandidate(words, at, id)) return;
    const overflow = words[(at >>> 2) + 3]!;
    const extent = (overflow + 1) * this.#meta.pageSize;
    if (overflow > 0) {
      this.pages.overflow[id] = overflow;
      if (id + overflow >= this.#meta.pages) return this.#broken(id, WHY.overflow);
      if (extent > EXTENT_BYTES) return this.#broken(id, WHY.extent);
      if (extent > available) return this.#broken(id, WHY.overflow);
      this.#rereadBytes += extent;
      if (this.#rereadBytes > REREAD_BYTES + REREAD_FACTOR * id * this.#meta.pageSize) return this.#broken(id, WHY.extent);
    }
    const flags = words[(at >>> 2) + 2]! & 0xffff;
    if (flags === FLAG.leaf) {
      if (this.#readRevisions(source, at, id, extent)) return;
      const end = leafEnd(words, at, extent);
      return end < 0 ? this.#broken(id, WHY.elements) : this.#keep(source, at, id, KIND.leaf, end);
    }
    if (flags === FLAG.branch) {
      const end = branchEnd(words, at, extent);
      return end < 0 ? this.#broken(id, WHY.elements) : this.#keep(source, at, id, KIND.branch, end);
    }
    if (id === this.#meta.freelist) this.#keep(source, at, id, KIND.freelist, extent);
  }

  /**
   * The page inside a small bucket, as one more after all others; `at` is where it lies in the snapshot. Its number; undefined, and nothing
   * recorded, where it is no leaf of revisions.
   */
  readInline(page: Words, at: number): number | undefined {
    const { length } = page.bytes;
    const id = this.pages.add();
    this.#inline = { page: id, at, length };
    return this.#readRevisions(page, 0, id, length) ? id : undefined;
  }

  /** Which bytes of the snapshot a page takes. */
  spanOf(page: number): { readonly at: number; readonly length: number } {
    if (this.#inline?.page === page) return this.#inline;
    return { at: page * this.pageSize, length: (this.pages.overflow[page]! + 1) * this.pageSize };
  }

  #broken(id: number, why: number): void {
    this.pages.kind[id] = KIND.broken;
    this.pages.ref[id] = why;
  }

  #keep({ bytes }: Words, at: number, id: number, kind: number, length: number): void {
    const pages = this.pages;
    this.#keptBytes += length + KEPT_RECORD_BYTES;
    if (this.#keptBytes > KEPT_BYTES + KEPT_SHARE * id * this.#meta.pageSize) return this.#broken(id, WHY.kept);
    pages.kind[id] = kind;
    pages.ref[id] = pages.kept.push(new Uint8Array(bytes.subarray(at, at + length))) - 1;
  }

  /** A leaf of revisions, each with its mvccpb.KeyValue; false, and nothing recorded, where it is anything else. */
  #readRevisions(source: Words, at: number, id: number, extent: number): boolean {
    const { bytes, words } = source;
    const { pages, entries, prefixes, matches } = this;
    const keyValue = this.#keyValue;
    const userKey = this.#userKey;
    const count = words[(at >>> 2) + 2]! >>> 16;
    const dataStart = HEADER_BYTES + ELEMENT_BYTES * count;
    if (count === 0 || dataStart > extent) return false;
    const isRecorded = entries.count + count <= this.#entryLimit;
    if (isRecorded) entries.reserve(count);
    const firstEntry = entries.count;
    if (matches !== undefined) matches.dropFrom(firstEntry);
    let revision = this.#key;
    let revisionBefore = this.#keyBefore;
    let start = dataStart;
    let crc = 0;
    let isInOrder = true;
    for (let index = 0; index < count; index++) {
      const offset = HEADER_BYTES + ELEMENT_BYTES * index;
      const element = (at + offset) >>> 2;
      const keyBytes = words[element + 2]!;
      const end = start + keyBytes + words[element + 3]!;
      if (words[element] !== 0 || offset + words[element + 1]! !== start || end > extent) return false;
      if (!revision.read(bytes, at + start, keyBytes)) return false;
      if (!keyValue.read(bytes, at + start + keyBytes, at + end)) return false;
      if (index === 0) {
        pages.firstMain[id] = revision.main;
        pages.firstSub[id] = revision.sub;
        pages.tombstones[id] = revision.isTombstone ? 1 : 0;
      } else if (revisionBefore.compare(revision) >= 0) isInOrder = false;
      if (isRecorded) {
        crc = crc32cOfRange(source, at + start, at + end, crc);
        const entry = firstEntry + index;
        userKey.of(bytes, keyValue.keyStart, keyValue.keyEnd);
        if (prefixes !== undefined) prefixes.note(entry, bytes, keyValue.keyStart, keyValue.keyEnd);
        if (matches !== undefined) matches.note(entry, bytes, keyValue);
        entries.main[entry] = revision.main;
        entries.hashLow[entry] = userKey.low;
        entries.hashHigh[entry] = userKey.high;
        entries.crcUpTo[entry] = crc;
        entries.bytesUpTo[entry] = end - dataStart;
        entries.flags[entry] =
          this.encryption.numberOf(bytes, keyValue.valueStart, keyValue.valueEnd) | (revision.isTombstone ? TOMBSTONE : 0);
      }
      start = end;
      const swapped = revision;
      revision = revisionBefore;
      revisionBefore = swapped;
    }
    if (!isInOrder) {
      this.#broken(id, WHY.order);
      return true;
    }
    pages.kind[id] = KIND.revisions;
    pages.ref[id] = isRecorded ? firstEntry : NOT_RECORDED;
    pages.entries[id] = count;
    pages.dataBytes[id] = start - dataStart;
    pages.crc[id] = isRecorded ? crc : crc32c(bytes.subarray(at + dataStart, at + start));
    pages.lastMain[id] = revisionBefore.main;
    pages.lastSub[id] = revisionBefore.sub;
    if (revisionBefore.isTombstone) pages.tombstones[id] = pages.tombstones[id]! | 2;
    if (isRecorded) entries.count += count;
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
