import { LifeboatError } from "../errors.ts";
import type { EntryFacts, NewestMatches } from "./newest-matches.ts";
import type { UserKeyTable } from "./user-key-table.ts";

/** `rewritten`: written again since, with a value that has the same length and CRC-32C. */
export type ChangeKind = "added" | "removed" | "changed" | "rewritten";

/** What a key is now, beside what it was: `before` is an entry of the earlier state. */
export type Meeting =
  | { readonly kind: "same" }
  | { readonly kind: "added"; readonly before?: undefined }
  | { readonly kind: "changed" | "rewritten"; readonly before: number };

/**
 * Holds the keys of a later state against those of an earlier one, which its filter digested. Each is met once. Keys are told apart by themselves where the earlier ones are
 * kept, and by 64 bits of hash where these are cut.
 */
export class Comparison {
  readonly #before: NewestMatches;
  readonly #table: UserKeyTable;
  /** A bit for each entry that was met. */
  readonly #met: Uint8Array;

  /** Throws `verify/content` where the earlier state's keys were made to collide. */
  constructor(before: NewestMatches) {
    this.#before = before;
    const table = before.table();
    if (table === undefined)
      throw new LifeboatError("verify/content", "the hashes of the snapshot's user keys collide more often than chance allows", {
        hint: "find out who wrote such keys; lifeboat find lists them",
      });
    this.#table = table;
    this.#met = new Uint8Array(Math.ceil((before.entries.reduce((most, entry) => Math.max(most, entry), 0) + 1) / 8));
  }

  /** `isSameKey` says whether an entry of the earlier state whose key hashes alike has that key. */
  meet({ hashLow, hashHigh, revision, digest }: EntryFacts, isSameKey: (entry: number) => boolean): Meeting {
    const before = this.#table.find(hashLow, hashHigh, isSameKey);
    if (before === undefined) return { kind: "added" };
    this.#met[before >>> 3] = this.#met[before >>> 3]! | (1 << (before & 7));
    const was = this.#before.facts(before);
    if (was.digest !== digest) return { kind: "changed", before };
    return was.revision === revision ? { kind: "same" } : { kind: "rewritten", before };
  }

  /** Entries of the earlier state that were not met. */
  missing(): Uint32Array {
    return this.#before.entries.filter((entry) => (this.#met[entry >>> 3]! & (1 << (entry & 7))) === 0);
  }
}
