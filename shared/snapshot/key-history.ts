import { combine, crc32c, shifted } from "./crc32c.ts";
import type { EncryptionKinds } from "./encryption-kinds.ts";
import { TOMBSTONE } from "./entry-table.ts";
import { NewestMatches } from "./newest-matches.ts";
import type { PageReader } from "./page-reader.ts";
import { NOT_RECORDED } from "./page-table.ts";
import { surveyOf } from "./survey.ts";
import { UserKeyTable } from "./user-key-table.ts";
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
  /** The same of those that are tombstones. */
  readonly deletedBits: Uint8Array;
}

const TOO_MANY = "the snapshot has more entries than lifeboat keeps a record of";
const COLLIDING = "the hashes of the snapshot's user keys collide more often than chance allows";

/** All entries of bucket `key`, in order: what a HashKV and the count of live keys come from. */
export class KeyHistory {
  readonly entries: number;
  readonly lastMain: number;
  readonly #reader: PageReader;
  /** Page numbers in the order of keys. */
  readonly #order: readonly number[];
  /** Whether there is a record of every entry. */
  readonly #isRecorded: boolean;
  #newest: Kept | undefined;

  constructor(reader: PageReader, order: readonly number[]) {
    this.#reader = reader;
    this.#order = order;
    const { pages } = reader;
    let entries = 0;
    let isRecorded = true;
    for (const page of order) {
      entries += pages.entries[page]!;
      if (pages.ref[page] === NOT_RECORDED) isRecorded = false;
    }
    this.entries = entries;
    this.#isRecorded = isRecorded;
    const last = order.at(-1);
    this.lastMain = last === undefined ? 0 : pages.lastMain[last]!;
  }

  /** User keys alive at the last revision; undefined past the limit of entries. */
  liveKeys(): number | undefined {
    return this.#now()?.count;
  }

  /** By provider and key name; undefined past the limit of entries. */
  encryption(kinds: EncryptionKinds): readonly EncryptionCount[] | undefined {
    const kept = this.#now();
    if (kept === undefined) return undefined;
    if (kinds.count === 0) return [];
    const { pages, entries } = this.#reader;
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
    const { prefixes } = this.#reader;
    const kept = this.#now();
    return kept === undefined || prefixes === undefined ? undefined : surveyOf(this.#reader, prefixes, this.#order, kept.bits, top);
  }

  /** The live entries that were looked for. Undefined past the limit of entries, and where none were. */
  matches(): NewestMatches | undefined {
    const { matches } = this.#reader;
    const kept = this.#now();
    return kept === undefined || matches === undefined ? undefined : new NewestMatches(this.#reader, matches, this.#order, kept.bits);
  }

  /** The same of the tombstones of keys that are gone, which are there until the next compaction. */
  deleted(): NewestMatches | undefined {
    const { matches } = this.#reader;
    const kept = this.#now();
    return kept === undefined || matches === undefined
      ? undefined
      : new NewestMatches(this.#reader, matches, this.#order, kept.deletedBits);
  }

  /**
   * HashKV as a member computes it (etcd: storage/mvcc/hash.go): CRC-32C over `key` and every entry up to `revision`, where one up to
   * `compactRevision` counts only if it is its user key's newest as of `revision` and no tombstone. Where no key is alive at `revision` nothing is left
   * out but a tombstone at `compactRevision` itself (etcd before 3.5.16 and 3.4.34 counts that too).
   */
  hash(revision: number, compactRevision: number): HashKv {
    const { pages, entries } = this.#reader;
    const first = this.#order[0];
    const isCompacted = first !== undefined && pages.firstMain[first]! <= compactRevision;
    const kept = isCompacted ? this.#newestAt(revision) : undefined;
    if (isCompacted && kept === undefined) return { unavailable: this.#isRecorded ? COLLIDING : TOO_MANY };
    let crc = crc32c(Buffer.from("key"));
    for (const page of this.#order) {
      if (pages.firstMain[page]! > revision) break;
      if (pages.firstMain[page]! > compactRevision && pages.lastMain[page]! <= revision) {
        crc = combine(crc, pages.crc[page]!, pages.dataBytes[page]!);
        continue;
      }
      const from = pages.ref[page]!;
      if (from === NOT_RECORDED) return { unavailable: TOO_MANY };
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

  #now(): Kept | undefined {
    return (this.#newest ??= this.#newestAt(Number.POSITIVE_INFINITY));
  }

  /** From the newest entry backwards, the first of each user key is what counts. */
  #newestAt(revision: number): Kept | undefined {
    if (revision >= this.lastMain && this.#newest !== undefined) return this.#newest;
    if (!this.#isRecorded) return undefined;
    const { pages, entries } = this.#reader;
    const { main, flags } = entries;
    const bits = new Uint8Array(Math.ceil(entries.count / 8));
    const { matches } = this.#reader;
    const deletedBits = new Uint8Array(bits.length);
    const table = new UserKeyTable(entries, this.entries, matches === undefined ? undefined : (a, b) => matches.isSameKey(a, b));
    let count = 0;
    for (let index = this.#order.length - 1; index >= 0; index--) {
      const page = this.#order[index]!;
      if (pages.firstMain[page]! > revision) continue;
      const from = pages.ref[page]!;
      for (let entry = from + pages.entries[page]! - 1; entry >= from; entry--) {
        if (main[entry]! > revision) continue;
        const slot = table.slotOf(entry);
        if (slot < 0) return undefined;
        if (table.entryAt(slot) !== undefined) continue;
        table.put(slot, entry);
        const of = (flags[entry]! & TOMBSTONE) !== 0 ? deletedBits : bits;
        of[entry >>> 3] = of[entry >>> 3]! | (1 << (entry & 7));
        if (of === bits) count++;
      }
    }
    return { count, bits, deletedBits };
  }
}

function isSet(bits: Uint8Array, index: number): boolean {
  return (bits[index >>> 3]! & (1 << (index & 7))) !== 0;
}
