import type { PageReader } from "./page-reader.ts";
import type { PrefixTable } from "./prefix-table.ts";
import { readEntries } from "./read-page.ts";
import { Top } from "./top.ts";
import { UserKeyTable } from "./user-key-table.ts";

/** Of some of bucket `key`. Bytes are those of entries as bbolt keeps them: the revision, and the message with key and value. */
export interface Tally {
  readonly revisions: number;
  readonly live: number;
  readonly bytes: number;
  /** Of live entries alone. */
  readonly liveBytes: number;
}

export interface PrefixTally extends Tally {
  /** With its last slash; empty for keys without one. */
  readonly prefix: Uint8Array;
}

/** Where an entry lies, so that it can be read a second time: of the page only a few are. */
export interface EntryPlace {
  /** Which bytes of the snapshot its page takes. */
  readonly at: number;
  readonly length: number;
  /** Which one of its page. */
  readonly index: number;
  /** CRC-32C of all keys and values of the page. */
  readonly crc: number;
}

export interface Ranked {
  readonly place: EntryPlace;
  /** What it was ranked by. */
  readonly figure: number;
}

/** What bucket `key` is made of. Only entries that the tree reaches count. */
export interface Survey {
  readonly prefixes: readonly PrefixTally[];
  /** False where there are so many prefixes that some were shortened. */
  readonly isComplete: boolean;
  /** Live entries of the most bytes, most first. */
  readonly largest: readonly Ranked[];
  /** The newest entry of the user keys that have the most revisions, at least two; most first. */
  readonly hottest: readonly Ranked[];
}

/** Up to 21 bytes an entry for as long as it takes. `order` has the pages of bucket `key`, `live` a bit for each live entry. */
export function surveyOf(reader: PageReader, prefixes: PrefixTable, order: readonly number[], live: Uint8Array, top: number): Survey {
  const { pages, entries } = reader;
  const revisions = new Float64Array(prefixes.count);
  const bytes = new Float64Array(prefixes.count);
  const liveKeys = new Float64Array(prefixes.count);
  const liveBytes = new Float64Array(prefixes.count);
  const largest = new Top(top);
  for (const page of order) {
    const from = pages.ref[page]!;
    let before = 0;
    for (let index = 0; index < pages.entries[page]!; index++) {
      const entry = from + index;
      const size = entries.bytesUpTo[entry]! - before;
      before = entries.bytesUpTo[entry]!;
      const prefix = prefixes.ofEntry[entry]!;
      revisions[prefix] = revisions[prefix]! + 1;
      bytes[prefix] = bytes[prefix]! + size;
      if ((live[entry >>> 3]! & (1 << (entry & 7))) === 0) continue;
      liveKeys[prefix] = liveKeys[prefix]! + 1;
      liveBytes[prefix] = liveBytes[prefix]! + size;
      largest.add(size, page, index);
    }
  }
  const place = (page: number, index: number): EntryPlace => ({ ...reader.spanOf(page), index, crc: pages.crc[page]! });
  const ranked = (winners: Top): Ranked[] => winners.list.map(({ figure, page, index }) => ({ figure, place: place(page, index) }));
  return {
    prefixes: Array.from({ length: prefixes.count }, (_, prefix) => ({
      prefix: prefixes.name(prefix),
      revisions: revisions[prefix]!,
      live: liveKeys[prefix]!,
      bytes: bytes[prefix]!,
      liveBytes: liveBytes[prefix]!,
    })).filter((each) => each.revisions > 0),
    isComplete: prefixes.isComplete,
    largest: ranked(largest),
    // Where every entry is live, no user key has two.
    hottest: sum(liveKeys) === sum(revisions) ? [] : ranked(hottestOf(reader, order, top)),
  };
}

function sum(figures: Float64Array): number {
  return figures.reduce((total, each) => total + each, 0);
}

/** A table of user keys, and how many entries each has: 11 to 21 bytes an entry. */
function hottestOf({ pages, entries }: PageReader, order: readonly number[], top: number): Top {
  const total = order.reduce((entriesBefore, page) => entriesBefore + pages.entries[page]!, 0);
  const table = new UserKeyTable(entries, total);
  const counts = new Uint32Array(table.slots);
  const winners = new Top(top);
  let most = 0;
  for (const page of order) {
    const from = pages.ref[page]!;
    const end = from + pages.entries[page]!;
    for (let entry = from; entry < end; entry++) {
      const slot = table.slotOf(entry);
      // Live keys could not be told either, so that there is no survey.
      if (slot < 0) return winners;
      table.put(slot, entry);
      const count = counts[slot]! + 1;
      counts[slot] = count;
      if (count > most) most = count;
    }
  }
  // Most snapshots have few keys with several revisions, some none.
  if (most < 2) return winners;
  const pageOf = pageFinder(pages.ref, order);
  for (let slot = 0; slot < counts.length; slot++) {
    const count = counts[slot]!;
    const entry = table.entryAt(slot);
    if (count < 2 || entry === undefined || !winners.takes(count)) continue;
    const page = pageOf(entry);
    winners.add(count, page, entry - pages.ref[page]!);
  }
  return winners;
}

/** Finds the page of an entry, which lies at or after its page's first. */
function pageFinder(firstEntry: Uint32Array, order: readonly number[]): (entry: number) => number {
  const sorted = order.toSorted((a, b) => firstEntry[a]! - firstEntry[b]!);
  return (entry) => {
    let [low, high] = [0, sorted.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (firstEntry[sorted[middle]!]! <= entry) low = middle;
      else high = middle - 1;
    }
    return sorted[low]!;
  };
}

export interface NamedEntry {
  readonly key: Uint8Array;
  readonly valueBytes: number;
  /** The main part of its revision, which is its mod_revision. */
  readonly revision: number;
  readonly isTombstone: boolean;
}

/** The entry at `place` in `page`, the bytes that `place` names; undefined where they are not those that were surveyed. */
export function readEntry(page: Uint8Array, { index, crc }: EntryPlace): NamedEntry | undefined {
  const entry = readEntries(page, crc, [index])?.[0];
  if (entry === undefined) return undefined;
  const { key, value, revision, isTombstone } = entry;
  return { key, valueBytes: value.length, revision, isTombstone };
}
