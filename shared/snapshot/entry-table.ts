import { enlarged } from "./page-table.ts";

/** In `flags`: the entry is a tombstone. The other bits are its kind of encryption's place in EncryptionKinds. */
export const TOMBSTONE = 0x80;

/**
 * A record of 25 bytes for each entry of every page of revisions, in the order in which the pages came, in typed arrays that grow by
 * half. What pages that are not real added is simply never looked at.
 */
export class EntryTable {
  count = 0;
  /** Of the bucket key `main_sub`. */
  main = new Float64Array(4096);
  /** 64 bits that stand for the user key. */
  hashLow = new Uint32Array(4096);
  hashHigh = new Uint32Array(4096);
  /** CRC-32C of the page's keys and values up to this entry's end, and how many bytes that is. */
  crcUpTo = new Uint32Array(4096);
  bytesUpTo = new Uint32Array(4096);
  flags = new Uint8Array(4096);

  /** Makes room for `more` entries, so that writing them needs no look at it. */
  reserve(more: number): void {
    if (this.count + more <= this.main.length) return;
    const length = Math.max(this.count + more, Math.ceil(this.main.length * 1.5));
    this.main = enlarged(this.main, new Float64Array(length));
    this.hashLow = enlarged(this.hashLow, new Uint32Array(length));
    this.hashHigh = enlarged(this.hashHigh, new Uint32Array(length));
    this.crcUpTo = enlarged(this.crcUpTo, new Uint32Array(length));
    this.bytesUpTo = enlarged(this.bytesUpTo, new Uint32Array(length));
    this.flags = enlarged(this.flags, new Uint8Array(length));
  }
}
