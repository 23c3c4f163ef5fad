import { combine, crc32c, shifted } from "./crc32c.ts";
import type { EncryptionKinds } from "./encryption-kinds.ts";
import { TOMBSTONE } from "./entry-table.ts";
import type { PageReader } from "./page-reader.ts";
import { surveyOf } from "./survey.ts";
import type { Survey } from "./survey.ts";

export type HashKv = { readonly hash: number } | { readonly unavailable: string };

export interface EncryptionCount {
  readonly provider: string;
  readonly keyName: string;
  /** Entries of bucket `key` encrypted so, and user keys whose newest value is. */
  readonly revisions: number;
  readonly live: number;
}

const KIND_BITS = 0x7f;
/** Newest entries of user keys that are no tombstones. */
interface Kept {
  readonly count: number;
  /** A bit per entry. */
  readonly bits: Uint8Array;
}

/** All entries of bucket `key`, in order: what a HashKV and the count of live keys come from. */
export class KeyHistory {
  readonly entries: number;
  readonly lastMain: number;
  readonly #reader: PageReader;
  /** Page numbers in the order of keys. */
  readonly #order: readonly number[];
  #newest: Kept | undefined;

  constructor(reader: PageReader, order: readonly number[]) {
    this.#reader = reader;
    this.#order = order;
    this.entries = order.reduce((sum, page) => sum + reader.pages.entries[page]!, 0);
    const last = order.at(-1);
    this.lastMain = last === undefined ? 0 : reader.pages.lastMain[last]!;
  }

  /** User keys alive at the last revision; undefined past the limit of entries. */
  liveKeys(): number | undefined {
    return this.#reader.isFull ? undefined : this.#now().count;
  }

  /** By provider and key name; undefined past the limit of entries. */
  encryption(kinds: EncryptionKinds): readonly EncryptionCount[] | undefined {
    if (this.#reader.isFull) return undefined;
    const { pages, entries } = this.#reader;
    const kept = this.#now();
    const revisions = new Float64Array(KIND_BITS + 1);
    const live = new Float64Array(KIND_BITS + 1);
    for (const page of this.#order) {
      const from = pages.ref[page]!;
      for (let entry = from; entry < from + pages.entries[page]!; entry++) {
        const kind = entries.flags[entry]! & KIND_BITS;
        if (kind === 0) continue;
        revisions[kind] = revisions[kind]! + 1;
        if (isSet(kept.bits, entry)) live[kind] = live[kind]! + 1;
      }
    }
    return [...revisions.keys()]
      .filter((kind) => revisions[kind]! > 0)
      .map((kind) => ({ ...kinds.kind(kind), revisions: revisions[kind]!, live: live[kind]! }));
  }

  /** Its lists have `top` entries at most. Undefined past the limit of entries, and where no prefixes were kept. */
  survey(top: number): Survey | undefined {
    const { isFull, prefixes } = this.#reader;
    return isFull || prefixes === undefined ? undefined : surveyOf(this.#reader, prefixes, this.#order, this.#now().bits, top);
  }

  /**
   * HashKV as a member computes it (etcd: storage/mvcc/hash.go): CRC-32C over `key` and every entry up to `revision`, where one up to
   * `compactRevision` counts only if it is its user key's newest as of `revision` and no tombstone. Where no key is alive at `revision` nothing is left
   * out but a tombstone at `compactRevision` itself (etcd before 3.5.16 and 3.4.34 counts that too).
   */
  hash(revision: number, compactRevision: number): HashKv {
    const { pages, entries, isFull } = this.#reader;
    if (isFull) return { unavailable: "the snapshot has more entries than are kept a record of" };
    const kept = this.#order.length > 0 && pages.firstMain[this.#order[0]!]! <= compactRevision ? this.#newestAt(revision) : undefined;
    let crc = crc32c(Buffer.from("key"));
    for (const page of this.#order) {
      if (pages.firstMain[page]! > revision) break;
      if (pages.firstMain[page]! > compactRevision && pages.lastMain[page]! <= revision) {
        crc = combine(crc, pages.crc[page]!, pages.dataBytes[page]!);
        continue;
      }
      const from = pages.ref[page]!;
      const end = from + pages.entries[page]!;
      for (let entry = from; entry < end; entry++) {
        if (!isCounted(entry)) continue;
        let last = entry;
        while (last + 1 < end && isCounted(last + 1)) last++;
        const crcBefore = entry === from ? 0 : entries.crcUpTo[entry - 1]!;
        const bytes = entries.bytesUpTo[last]! - (entry === from ? 0 : entries.bytesUpTo[entry - 1]!);
        // The CRC of the run alone, out of those from the page's beginning.
        crc = combine(crc, entries.crcUpTo[last]! ^ shifted(crcBefore, bytes), bytes);
        entry = last;
      }
    }
    return { hash: crc };

    function isCounted(entry: number): boolean {
      const main = entries.main[entry]!;
      if (main > revision) return false;
      if (kept === undefined || main > compactRevision) return true;
      if (kept.count > 0) return isSet(kept.bits, entry);
      return main !== compactRevision || (entries.flags[entry]! & TOMBSTONE) === 0;
    }
  }

  #now(): Kept {
    return (this.#newest ??= this.#newestAt(Number.POSITIVE_INFINITY));
  }

  /** From the newest entry backwards, the first of each user key is what counts. A table of 5 to 11 bytes per entry, for as long as this takes. */
  #newestAt(revision: number): Kept {
    if (revision >= this.lastMain && this.#newest !== undefined) return this.#newest;
    const { pages, entries } = this.#reader;
    const bits = new Uint8Array(Math.ceil(entries.count / 8));
    const mask = 2 ** Math.ceil(Math.log2(this.entries * 1.33 + 2)) - 1;
    const slots = new Uint32Array(mask + 1);
    let count = 0;
    for (let index = this.#order.length - 1; index >= 0; index--) {
      const page = this.#order[index]!;
      if (pages.firstMain[page]! > revision) continue;
      const from = pages.ref[page]!;
      for (let entry = from + pages.entries[page]! - 1; entry >= from; entry--) {
        if (entries.main[entry]! > revision) continue;
        const low = entries.hashLow[entry]!;
        const high = entries.hashHigh[entry]!;
        let slot = low & mask;
        // A slot holds an entry's number and one.
        let other = slots[slot]!;
        while (other !== 0 && (entries.hashLow[other - 1] !== low || entries.hashHigh[other - 1] !== high)) {
          slot = (slot + 1) & mask;
          other = slots[slot]!;
        }
        if (other !== 0) continue;
        slots[slot] = entry + 1;
        if ((entries.flags[entry]! & TOMBSTONE) !== 0) continue;
        bits[entry >>> 3] = bits[entry >>> 3]! | (1 << (entry & 7));
        count++;
      }
    }
    return { count, bits };
  }
}

function isSet(bits: Uint8Array, index: number): boolean {
  return (bits[index >>> 3]! & (1 << (index & 7))) !== 0;
}
