import type { CustodyRecord } from "../../documents/custody-record.ts";

type Subject = CustodyRecord["subjects"][number];

interface Removal {
  readonly sequence: number;
  readonly subject: Subject;
}

/** What was there: at a key, with these bytes, or in this version. */
export interface Lost {
  readonly key: string;
  readonly digest: string;
  readonly version?: string | undefined;
}

/** What records of a log tell of removals, in order. Each excuses exactly what it names: that content, or where it names none that version. */
export class Removals {
  readonly #removals = new Map<string, Removal[]>();
  /** By key, the digests that were seen there, most often one, and the last record that saw each. */
  readonly #seen = new Map<string, { readonly digest: string; last: number }[]>();

  add(sequence: number, { event, subjects, details, signer }: CustodyRecord): void {
    if (event === "removed") for (const subject of subjects) this.#of(subject.key).push({ sequence, subject });
    // Of the same role: a stolen key of another must not take its word back.
    const takesBack = event === "failed" && details.of !== undefined && signer.purpose === "audit" ? details.of : undefined;
    if (takesBack !== undefined) for (const subject of subjects) this.#takeBack(takesBack, subject);
    // An order holds for a day. A bundle that is made meanwhile does not make a theft of what the keeper then removes.
    if (event === "bundle") return;
    for (const { key, digest } of [...subjects, ...(details.seen === undefined ? [] : [details.seen])]) {
      if (digest === undefined) continue;
      const seen = this.#seen.get(key);
      const known = seen?.find((each) => each.digest === digest);
      if (known !== undefined) known.last = sequence;
      else if (seen === undefined) this.#seen.set(key, [{ digest, last: sequence }]);
      else seen.push({ digest, last: sequence });
    }
  }

  /** The digests that records saw at a key. */
  seenAt(key: string): readonly string[] {
    return (this.#seen.get(key) ?? []).map(({ digest }) => digest);
  }

  /** Whether a record behind `after` tells of the removal of exactly this, and none has seen it there since. */
  excuses({ key, digest, version }: Lost, after: number): boolean {
    const lastSeen = this.#seen.get(key)?.find((each) => each.digest === digest)?.last ?? 0;
    return (this.#removals.get(key) ?? []).some(
      ({ sequence, subject }) =>
        sequence > after &&
        sequence >= lastSeen &&
        (subject.digest === undefined ? version !== undefined && subject.version === version : subject.digest === digest),
    );
  }

  /** Whether a record behind `after` tells of a removal at this key: of what nobody else saw there, nothing more can be known. */
  hasRemovalOf(key: string, after: number): boolean {
    return (this.#removals.get(key) ?? []).some(({ sequence }) => sequence > after);
  }

  #of(key: string): Removal[] {
    const removals = this.#removals.get(key) ?? [];
    this.#removals.set(key, removals);
    return removals;
  }

  #takeBack(sequence: number, { key, digest, version }: Subject): void {
    const left = this.#of(key).filter(
      (each) => each.sequence !== sequence || each.subject.digest !== digest || each.subject.version !== version,
    );
    this.#removals.set(key, left);
  }
}
