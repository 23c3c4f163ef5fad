import { ELEMENT_BYTES } from "./elements.ts";
import type { EntryTable } from "./entry-table.ts";
import { sharedBytes } from "./key-index.ts";
import type { IndexRecord } from "./key-index.ts";
import type { MatchTable } from "./match-table.ts";
import { HEADER_BYTES } from "./meta-page.ts";
import type { PageReader } from "./page-reader.ts";
import { UserKeyTable } from "./user-key-table.ts";

/** An entry that was looked for. */
export interface FoundEntry {
  readonly key: Uint8Array;
  /** As much of it as was asked for. */
  readonly value: Uint8Array;
  readonly valueBytes: number;
  /** The main part of its revision, which is its mod_revision. */
  readonly revision: number;
}

/** Some bytes of the snapshot, and the entries in them that are wanted. */
export interface FoundSpan {
  readonly at: number;
  readonly length: number;
  readonly pages: readonly FoundPage[];
}

export interface FoundPage {
  /** In the span. */
  readonly offset: number;
  readonly length: number;
  /** CRC-32C of all its keys and values. */
  readonly crc: number;
  /** Which ones of its entries are wanted, and their numbers in the entry table. */
  readonly indexes: readonly number[];
  readonly entries: readonly number[];
}

export interface EntryFacts {
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly revision: number;
  readonly digest: number;
}

interface Places {
  readonly reader: PageReader;
  readonly order: readonly number[];
}

/** Pages that follow each other are read at once, up to so many bytes. */
const SPAN_BYTES = 1 << 20;

/** Of the entries that a filter matched those that the tree reaches and that are the newest of their user key: all that are there at the last revision, or all that say that it was deleted. */
export class NewestMatches {
  /** Their numbers in the entry table, in the order of revisions. */
  readonly entries: Uint32Array;
  readonly #entryTable: EntryTable;
  readonly #matches: MatchTable;
  /** Where they lie: the pages of bucket `key`, in order. */
  #places: Places | undefined;
  /** A bit for each entry that is one of those, matched or not. */
  readonly #newest: Uint8Array;

  constructor(reader: PageReader, matches: MatchTable, order: readonly number[], newest: Uint8Array) {
    this.#entryTable = reader.entries;
    this.#matches = matches;
    this.#places = { reader, order };
    this.#newest = newest;
    const found: number[] = [];
    for (const page of order) this.#addEntriesIn(page, found);
    this.entries = Uint32Array.from(found);
  }

  /** Lets go of where they lie, some 45 bytes a page: neither `spans` nor `placedInOrder` can be asked for any more. */
  forgetPlaces(): void {
    this.#places = undefined;
  }

  /** Whether they took more memory than they were given: then they have to be read a second time, from `spans`. */
  get isCut(): boolean {
    return this.#matches.isCut;
  }

  /** In the order of their keys. Nothing where they are cut. */
  *inOrder(): Generator<FoundEntry, void, undefined> {
    if (this.isCut) return;
    const matches = this.#matches;
    const indexes = Uint32Array.from(this.entries, (entry) => matches.indexOf(entry));
    for (const index of indexes.toSorted((a, b) => matches.compareKeys(a, matches, b))) yield this.#found(index);
  }

  /** Below 0 where the key of `entry` comes before that of entry `otherEntry` of `other`. Neither may be cut. */
  compareKeys(entry: number, other: NewestMatches, otherEntry: number): number {
    return this.#matches.compareKeys(this.#matches.indexOf(entry), other.#matches, other.#matches.indexOf(otherEntry));
  }

  /** Whether `entry` has that key, as far as it is kept. */
  hasKey(entry: number, key: Uint8Array): boolean {
    return this.isCut || this.#matches.hasKey(this.#matches.indexOf(entry), key);
  }

  /** What is compared of `entry`: what stands for its user key, its mod_revision, and what stands for its value. */
  facts(entry: number): EntryFacts {
    const { hashLow, hashHigh, main } = this.#entryTable;
    return { hashLow: hashLow[entry]!, hashHigh: hashHigh[entry]!, revision: main[entry]!, digest: this.#matches.digestOf(entry) };
  }

  /** To find its entries by their user keys; undefined where these collide so often that they were made for it. */
  table(): UserKeyTable | undefined {
    const table = new UserKeyTable(this.#entryTable, this.entries.length, (a, b) => this.#matches.isSameKey(a, b));
    for (const entry of this.entries) {
      const slot = table.slotOf(entry);
      if (slot < 0) return undefined;
      table.put(slot, entry);
    }
    return table;
  }

  /** In the order of their keys, each with its place in the snapshot. Nothing where they are cut. */
  *placedInOrder(): Generator<IndexRecord, void, undefined> {
    if (this.isCut) return;
    const matches = this.#matches;
    const { reader, order } = this.#placesKept();
    const { pages, entries } = reader;
    const at = new Float64Array(matches.count);
    const bytes = new Uint32Array(matches.count);
    const wanted = new Uint32Array(this.entries.length);
    let count = 0;
    for (const page of order) {
      const first = pages.ref[page]!;
      const data = reader.spanOf(page).at + HEADER_BYTES + ELEMENT_BYTES * pages.entries[page]!;
      for (const entry of this.#entriesIn(page)) {
        const index = matches.indexOf(entry);
        const before = entry === first ? 0 : entries.bytesUpTo[entry - 1]!;
        at[index] = data + before;
        bytes[index] = entries.bytesUpTo[entry]! - before;
        wanted[count++] = index;
      }
    }
    const shared = wanted.reduce(
      (least, index) => Math.min(least, sharedBytes(matches.key(index), matches.key(wanted[0]!), least)),
      Infinity,
    );
    for (const index of wanted.toSorted((a, b) => matches.compareRests(a, b, shared))) {
      const { key, revision, valueBytes } = this.#found(index);
      yield { key, at: at[index]!, bytes: bytes[index]!, revision, valueBytes };
    }
  }

  /** The entry of that number, as far as it is kept; undefined where they are cut. */
  entry(entry: number): FoundEntry | undefined {
    const index = this.#matches.indexOf(entry);
    return index < 0 ? undefined : this.#found(index);
  }

  /** Where to read them again, in the order of the snapshot: all, or those that `isWanted` takes by their number. */
  *spans(isWanted: (entry: number) => boolean = () => true): Generator<FoundSpan, void, undefined> {
    const { reader, order } = this.#placesKept();
    const { pages } = reader;
    const spanOf = (page: number): { at: number; length: number } => reader.spanOf(page);
    let span: { at: number; length: number; pages: FoundPage[] } | undefined;
    for (const page of order.toSorted((a, b) => spanOf(a).at - spanOf(b).at)) {
      const entries = this.#entriesIn(page).filter(isWanted);
      if (entries.length === 0) continue;
      const { at, length } = spanOf(page);
      if (span === undefined || span.at + span.length !== at || span.length + length > SPAN_BYTES) {
        if (span !== undefined) yield span;
        span = { at, length: 0, pages: [] };
      }
      const indexes = entries.map((entry) => entry - pages.ref[page]!);
      span.pages.push({ offset: span.length, length, crc: pages.crc[page]!, indexes, entries });
      span.length += length;
    }
    if (span !== undefined) yield span;
  }

  #entriesIn(page: number): number[] {
    const found: number[] = [];
    this.#addEntriesIn(page, found);
    return found;
  }

  #addEntriesIn(page: number, found: number[]): void {
    const { pages } = this.#placesKept().reader;
    const from = pages.ref[page]!;
    for (let entry = from; entry < from + pages.entries[page]!; entry++)
      if ((this.#newest[entry >>> 3]! & (1 << (entry & 7))) !== 0 && this.#matches.has(entry)) found.push(entry);
  }

  #placesKept(): Places {
    if (this.#places === undefined) throw new Error("where the matches lie was let go");
    return this.#places;
  }

  #found(index: number): FoundEntry {
    const matches = this.#matches;
    const revision = this.#entryTable.main[matches.entryOf(index)]!;
    return { key: matches.key(index), value: matches.value(index), valueBytes: matches.valueBytes(index), revision };
  }
}
