import { enlarged } from "./page-table.ts";

/** In `flags`: the entry is a tombstone. The other bits are its kind of encryption's place in EncryptionKinds. */
export const TOMBSTONE = 0x80;

/** Entries that there is room for at first: 26 MB of addresses, not of memory. */
const FIRST_ENTRIES = 1 << 20;
/** Where there are fewer pages, so many for each. */
const FIRST_PER_PAGE = 4;

/**
 * A record of 25 bytes for each entry of every page of revisions, in the order in which the pages came, in typed arrays that double. Room that was not
 * written yet takes no memory. What pages that are not real added is simply never looked at.
 */
export class EntryTable {
  count = 0;
  /** Of the bucket key `main_sub`. */
  main: Float64Array;
  /** 64 bits that stand for the user key. */
  hashLow: Uint32Array;
  hashHigh: Uint32Array;
  /** CRC-32C of the page's keys and values up to this entry's end, and how many bytes that is. */
  crcUpTo: Uint32Array;
  bytesUpTo: Uint32Array;
  flags: Uint8Array;

  /** For a database that says it has `pages` pages. */
  constructor(pages: number) {
    const length = Math.min(FIRST_ENTRIES, FIRST_PER_PAGE * pages);
    this.main = new Float64Array(length);
    this.hashLow = new Uint32Array(length);
    this.hashHigh = new Uint32Array(length);
    this.crcUpTo = new Uint32Array(length);
    this.bytesUpTo = new Uint32Array(length);
    this.flags = new Uint8Array(length);
  }

  /** Makes room for `more` entries, so that writing them needs no look at it. */
  reserve(more: number): void {
    if (this.count + more <= this.main.length) return;
    const length = Math.max(this.count + more, this.main.length * 2);
    this.main = enlarged(this.main, new Float64Array(length));
    this.hashLow = enlarged(this.hashLow, new Uint32Array(length));
    this.hashHigh = enlarged(this.hashHigh, new Uint32Array(length));
    this.crcUpTo = enlarged(this.crcUpTo, new Uint32Array(length));
    this.bytesUpTo = enlarged(this.bytesUpTo, new Uint32Array(length));
    this.flags = enlarged(this.flags, new Uint8Array(length));
  }
}
