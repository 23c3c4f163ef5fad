import type { FindingCode } from "./finding.ts";

/** What a page number holds, as far as its own bytes tell. Only what the tree reaches is real: the rest may be stale. */
export const KIND = { none: 0, branch: 1, leaf: 2, revisions: 3, freelist: 4, broken: 5 } as const;

/** Why a page is broken; its index is what the table keeps. */
export const BROKEN = [
  { code: "tree/elements", message: "has elements outside of it, or not where they belong" },
  { code: "tree/page", message: "claims overflow past the end of the database" },
  { code: "tree/order", message: "has keys out of order" },
  { code: "tree/limit", message: "has a longer overflow than this reader follows" },
  { code: "tree/limit", message: "is beyond the number of pages that this reader keeps" },
] as const satisfies readonly { code: FindingCode; message: string }[];

export const WHY = { elements: 0, overflow: 1, order: 2, extent: 3, kept: 4 } as const;

/** In `ref` of a page of revisions: there was no room for its entries, and only what the page table has is known. */
export const NOT_RECORDED = 0xffff_ffff;

/** Pages that there is room for at first where the database has so many, 4 GiB of 4 KiB: 46 MB of addresses, not of memory. */
const FIRST_PAGES = 1 << 20;

/**
 * A record of 45 bytes per page, in typed arrays that double as pages arrive. Room that was not written yet takes no memory: the system gives it
 * page by page.
 */
export class PageTable {
  /** Pages recorded: the numbers below it. */
  count = 0;
  kind: Uint8Array;
  overflow: Uint32Array;
  /** A branch or leaf: its place in `kept`. Revisions: its first entry in the entry table. A broken page: its place in BROKEN. */
  ref: Uint32Array;
  /** Of a page of revisions: entries, bytes of all keys and values, their CRC-32C, and the first and last key. */
  entries: Uint16Array;
  dataBytes: Uint32Array;
  crc: Uint32Array;
  firstMain: Float64Array;
  firstSub: Uint32Array;
  lastMain: Float64Array;
  lastSub: Uint32Array;
  /** Bit 0: the first key is a tombstone's; bit 1: the last. */
  tombstones: Uint8Array;
  /** Copies of branch pages, and of leaves that hold no revisions. */
  readonly kept: Uint8Array<ArrayBuffer>[] = [];
  readonly #most: number;

  /** For a database that says it has `most` pages. */
  constructor(most: number) {
    this.#most = most;
    const length = Math.min(most, FIRST_PAGES);
    this.kind = new Uint8Array(length);
    this.overflow = new Uint32Array(length);
    this.ref = new Uint32Array(length);
    this.entries = new Uint16Array(length);
    this.dataBytes = new Uint32Array(length);
    this.crc = new Uint32Array(length);
    this.firstMain = new Float64Array(length);
    this.firstSub = new Uint32Array(length);
    this.lastMain = new Float64Array(length);
    this.lastSub = new Uint32Array(length);
    this.tombstones = new Uint8Array(length);
  }

  /** The number of a page more, which has to be below `most`. */
  add(): number {
    if (this.count === this.kind.length) this.#grow(Math.min(this.#most, this.count * 2));
    return this.count++;
  }

  /** Lets go of the copies, once the tree was walked. */
  forgetKept(): void {
    this.kept.length = 0;
  }

  #grow(length: number): void {
    this.kind = enlarged(this.kind, new Uint8Array(length));
    this.overflow = enlarged(this.overflow, new Uint32Array(length));
    this.ref = enlarged(this.ref, new Uint32Array(length));
    this.entries = enlarged(this.entries, new Uint16Array(length));
    this.dataBytes = enlarged(this.dataBytes, new Uint32Array(length));
    this.crc = enlarged(this.crc, new Uint32Array(length));
    this.firstMain = enlarged(this.firstMain, new Float64Array(length));
    this.firstSub = enlarged(this.firstSub, new Uint32Array(length));
    this.lastMain = enlarged(this.lastMain, new Float64Array(length));
    this.lastSub = enlarged(this.lastSub, new Uint32Array(length));
    this.tombstones = enlarged(this.tombstones, new Uint8Array(length));
  }
}

/** `room` after what `array` holds is copied to its beginning. */
export function enlarged<T extends { set(array: T): void }>(array: T, room: T): T {
  room.set(array);
  return room;
}
