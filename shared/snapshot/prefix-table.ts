import { enlarged } from "./page-table.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
/** `/registry/<group>/<resource>/<namespace>/` has so many slashes: deeper keys are taken together. */
const DEEPEST = 5;
/** `/registry/<resource>/`, and one more where a group comes first: its name has a dot, and no resource's has. */
const COARSE = 3;
/** Prefixes are cut at the last slash before this. */
const LONGEST = 256;
/** Prefixes that are kept apart: with their names some 30 MB where each is as long as can be. */
const MOST = 100_000;
/** Once there are MOST, new ones count for a shorter one, of which there may be so many. */
const MOST_COARSE = 4096;
/** A hostile file may have prefixes that all hash alike: so many are looked at. */
const MOST_PROBES = 64;

/** What keys count for that no prefix could be kept of. */
const REST = 0;

/**
 * The prefix of each entry's user key, as far as its last slash, by number: 4 bytes an entry beside the entry table, and one copy of each prefix. Past
 * the limits above prefixes are shortened, which `isComplete` tells.
 */
export class PrefixTable {
  /** Of each entry of the entry table. */
  ofEntry = new Uint32Array(4096);
  isComplete = true;
  readonly #names: Uint8Array[] = [new Uint8Array(0)];
  readonly #hashes: number[] = [0];
  /** Twice as many as there can be names; 0 is free. */
  readonly #slots = new Uint32Array(1 << 18);

  get count(): number {
    return this.#names.length;
  }

  /** With its last slash; empty for keys without one. */
  name(prefix: number): Uint8Array {
    return this.#names[prefix] ?? new Uint8Array(0);
  }

  /** Keeps the prefix of entry `entry`, whose user key lies from `start` up to `end`. */
  note(entry: number, bytes: Uint8Array, start: number, end: number): void {
    if (entry >= this.ofEntry.length) this.ofEntry = enlarged(this.ofEntry, new Uint32Array(Math.ceil(entry * 1.5)));
    let hash = 0x811c9dc5;
    let slashes = 0;
    let coarseSlashes = COARSE;
    let [fine, fineHash, coarse, coarseHash] = [start, hash, start, hash];
    const last = Math.min(end, start + LONGEST);
    for (let at = start; at < last && slashes < DEEPEST; at++) {
      const byte = bytes[at]!;
      // FNV-1a of 32 bits.
      hash = Math.imul(hash ^ byte, 0x01000193);
      if (byte === DOT && slashes === 2) coarseSlashes = COARSE + 1;
      if (byte !== SLASH) continue;
      slashes++;
      fine = at + 1;
      fineHash = hash;
      if (slashes > coarseSlashes) continue;
      coarse = fine;
      coarseHash = hash;
    }
    this.ofEntry[entry] = this.#numberOf(bytes, start, fine, fineHash, MOST) ?? this.#coarse(bytes, start, coarse, coarseHash);
  }

  #coarse(bytes: Uint8Array, start: number, end: number, hash: number): number {
    this.isComplete = false;
    return this.#numberOf(bytes, start, end, hash, MOST + MOST_COARSE) ?? REST;
  }

  #numberOf(bytes: Uint8Array, start: number, end: number, hash: number, most: number): number | undefined {
    if (start === end) return REST;
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const number = this.#slots[slot]!;
      if (number === 0) {
        if (this.count >= most) return undefined;
        this.#slots[slot] = this.#names.push(new Uint8Array(bytes.subarray(start, end))) - 1;
        this.#hashes.push(hash);
        return this.count - 1;
      }
      if (this.#hashes[number] === hash && isEqual(this.#names[number]!, bytes, start, end)) return number;
      slot = (slot + 1) & mask;
    }
    return undefined;
  }
}

function isEqual(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let index = 0; index < name.length; index++) if (name[index] !== bytes[start + index]) return false;
  return true;
}
