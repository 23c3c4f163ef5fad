import type { EntryTable } from "./entry-table.ts";
import { PROBES_PER_SLOT } from "./limits.ts";

/** One entry for each user key, found by the 64 bits that stand for it: 5 to 11 bytes per entry that there is room for. */
export class UserKeyTable {
  readonly #entries: EntryTable;
  /** Tells user keys apart that hash alike. */
  readonly #isSameKey: ((a: number, b: number) => boolean) | undefined;
  readonly #mask: number;
  /** An entry's number and one; 0 is free. */
  readonly #slots: Uint32Array;
  #probesLeft: number;

  constructor(entries: EntryTable, room: number, isSameKey?: (a: number, b: number) => boolean) {
    this.#entries = entries;
    this.#isSameKey = isSameKey;
    this.#mask = 2 ** Math.ceil(Math.log2(room * 1.33 + 2)) - 1;
    this.#slots = new Uint32Array(this.#mask + 1);
    this.#probesLeft = PROBES_PER_SLOT * this.#slots.length;
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** The slot of the user key of `entry`, taken or free; -1 where user keys collide so often that they were made for it. */
  slotOf(entry: number): number {
    const { hashLow, hashHigh } = this.#entries;
    const low = hashLow[entry]!;
    const high = hashHigh[entry]!;
    let slot = low & this.#mask;
    for (;;) {
      const other = this.#slots[slot]!;
      if (other === 0) return slot;
      if (hashLow[other - 1] === low && hashHigh[other - 1] === high && (this.#isSameKey?.(other - 1, entry) ?? true)) return slot;
      if (--this.#probesLeft < 0) return -1;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** The entry whose user key has that hash and is the one that `isSameKey` knows; undefined where there is none. */
  find(low: number, high: number, isSameKey: (entry: number) => boolean): number | undefined {
    const { hashLow, hashHigh } = this.#entries;
    for (let slot = low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const other = this.#slots[slot]!;
      if (other === 0) return undefined;
      if (hashLow[other - 1] === low && hashHigh[other - 1] === high && isSameKey(other - 1)) return other - 1;
    }
  }

  /** The entry in a slot; undefined where it is free. */
  entryAt(slot: number): number | undefined {
    const entry = this.#slots[slot]!;
    return entry === 0 ? undefined : entry - 1;
  }

  put(slot: number, entry: number): void {
    this.#slots[slot] = entry + 1;
  }
}
