import type { Purpose } from "../../keys/key-ring.ts";
import type { CustodyRecord } from "../../documents/custody-record.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { announcedBy } from "./events.ts";
import type { CustodyFinding } from "./finding.ts";
import { isFault } from "./records.ts";
import { Removals } from "./removals.ts";
import type { Lost } from "./removals.ts";
import type { FoundRecord } from "./records.ts";

/** A signed document of the store, as far as the log is concerned. */
export interface Stored {
  readonly digest: string;
  /** The record that it says announced it. */
  readonly custody: CustodyReceipt | undefined;
  /** Of a kind that later versions have: events that this one does not know may have announced it. */
  readonly isOfLaterKind?: boolean;
  /** The objects that hold a manifest's data. */
  readonly data: readonly { readonly key: string; readonly sha256: string; readonly version?: string | undefined }[];
}

interface Announcement extends CustodyReceipt {
  /** Whose key announced it: only that role can say that nothing came of it. */
  readonly by: Purpose;
  /** What was there already when it was announced: the data object of a snapshot. */
  readonly withIt: CustodyRecord["subjects"];
}

/** Holds a log against what is stored: fed with each record in order, it keeps what is not settled, and what was seen since. */
export class Announcements {
  readonly #stored: ReadonlyMap<string, Stored>;
  /** By the key of what was announced: announcements that the object there does not name. */
  readonly #open = new Map<string, Announcement[]>();
  /** By the number of an announcement, the purposes whose keys said that nothing came of it. */
  readonly #explained = new Map<number, Set<Purpose>>();
  readonly #removals = new Removals();
  /** By the key of a document that stands and was announced: whether that record saw the data that it names. */
  readonly #announced = new Map<string, boolean>();

  constructor(stored: ReadonlyMap<string, Stored>) {
    this.#stored = stored;
  }

  add({ sequence, digest, record }: FoundRecord): void {
    if (isFault(record)) return;
    const { event, subjects, details } = record;
    const by = record.signer.purpose;
    const announced = announcedBy(record);
    for (const key of announced) {
      const withIt = subjects.filter((each) => each.digest !== undefined);
      const stored = this.#stored.get(key);
      if (stored !== undefined && this.#names(key, { sequence, digest }))
        this.#announced.set(
          key,
          stored.data.every(({ key: at, sha256 }) => withIt.some((each) => each.key === at && each.digest === sha256)),
        );
      else this.#open.set(key, [...(this.#open.get(key) ?? []), { sequence, digest, by, withIt }]);
    }
    this.#removals.add(sequence, record);
    if ((event === "skipped" || event === "failed") && details.of !== undefined)
      this.#explained.set(details.of, (this.#explained.get(details.of) ?? new Set()).add(by));
  }

  #names(key: string, { sequence, digest }: CustodyReceipt): boolean {
    const named = this.#stored.get(key)?.custody;
    return named?.sequence === sequence && named.digest === digest;
  }

  /** Whether the record that announced a document which stands saw the data that it names; undefined where none announced it. */
  hasAnnouncedDataOf(key: string): boolean | undefined {
    return this.#announced.get(key);
  }

  /** Whether a record behind `after` tells of the removal of exactly this. */
  isRemoved(lost: Lost, after: number): boolean {
    return this.#removals.excuses(lost, after);
  }

  /** What was announced and is not there, without a word why. */
  findings(): readonly CustodyFinding[] {
    return [...this.#open].flatMap(([key, announcements]) => this.#findingsAt(key, announcements));
  }

  /**
   * `seen`: what records saw at the key and that does not stand there. Of what nobody saw there, by the removal of its data, which the record names, or where it has none by any removal at
   * the key.
   */
  #isRemovedUnseen(key: string, { sequence, withIt }: Announcement, seen: readonly string[]): boolean {
    if (seen.length > 0) return seen.every((digest) => this.#removals.excuses({ key, digest }, sequence));
    const data = withIt.flatMap((each) => (each.digest === undefined ? [] : [{ ...each, digest: each.digest }]));
    return data.length === 0 ? this.#removals.hasRemovalOf(key, sequence) : data.some((each) => this.#removals.excuses(each, sequence));
  }

  #findingsAt(key: string, announcements: readonly Announcement[]): readonly CustodyFinding[] {
    // One that came while the log was read is there.
    const left = announcements.filter(({ sequence, digest }) => !this.#names(key, { sequence, digest }));
    const [first] = left;
    if (first === undefined) return [];
    const stands = this.#stored.get(key)?.digest;
    const seen = this.#removals.seenAt(key).filter((digest) => digest !== stands);
    const gone = seen.find((digest) => !this.#removals.excuses({ key, digest }, first.sequence));
    if (gone !== undefined) {
      const now = stands === undefined ? "is gone" : `is gone, and ${stands} stands in its place`;
      const message = `record ${first.sequence} announced it, a later one saw it as ${gone}, and it ${now}; its removal is not recorded`;
      return [{ code: "custody/gone", subject: key, message, fix: GONE }];
    }
    return left
      .filter((each) => this.#explained.get(each.sequence)?.has(each.by) !== true && !this.#isRemovedUnseen(key, each, seen))
      .map(({ sequence }) => ({
        code: "custody/announced-absence",
        subject: key,
        message: `record ${sequence} announced it, but it is not there: the run ended before it was written, or it was removed before another record named it`,
        fix: ABSENT,
      }));
  }
}

const GONE = "find out who can delete from the store; look for it in a replica, or among older versions where the store has them";
const ABSENT =
  "if no run is active now, find out how the run that wrote the record ended; lifeboat orphans --sweep removes what it left, and records that";
