import type { BucketOf } from "./buckets.ts";
import type { Reason } from "./decision.ts";
import { RULES } from "./policy.ts";
import type { RetentionPolicy, Rule } from "./policy.ts";

export interface Claim {
  /** A reason for each rule whose bucket the snapshot holds. */
  readonly held: readonly Reason<Rule>[];
  /** For each other rule of the policy why it does not keep the snapshot. */
  readonly superseded: readonly Reason<"superseded">[];
}

const UNITS = { hourly: "hour", daily: "day", weekly: "week", monthly: "month", annual: "year" } as const;

/** The buckets of one lineage. They are claimed by its good snapshots from the newest on, so each is held by its newest. */
export class Ladder {
  readonly #policy: RetentionPolicy;
  readonly #bucketOf: BucketOf;
  /** By rule: who holds which bucket, in the order in which they were taken. */
  readonly #holders: Readonly<Record<Rule, Map<string, string>>> = {
    latest: new Map(),
    hourly: new Map(),
    daily: new Map(),
    weekly: new Map(),
    monthly: new Map(),
    annual: new Map(),
  };
  readonly #reach = new Map<Rule, Reason<"superseded">>();
  readonly #oldest = new Map<Rule, { readonly bucket: string; readonly id: string }>();

  constructor(policy: RetentionPolicy, bucketOf: BucketOf) {
    this.#policy = policy;
    this.#bucketOf = bucketOf;
  }

  claim(id: string, time: number): Claim {
    const held: Reason<Rule>[] = [];
    const superseded: Reason<"superseded">[] = [];
    for (const rule of RULES) {
      const count = this.#policy[rule];
      if (count === 0) continue;
      const holders = this.#holders[rule];
      const bucket = rule === "latest" ? id : this.#bucketOf(rule, time);
      const holder = holders.get(bucket);
      if (holder !== undefined) {
        superseded.push({ code: "superseded", text: `${rule}: not the newest of ${bucket} (${holder} is)`, by: holder });
      } else if (holders.size < count) {
        holders.set(bucket, id);
        this.#oldest.set(rule, { bucket, id });
        held.push({ code: rule, text: rule === "latest" ? `latest ${holders.size} of ${count}` : `${rule} ${bucket}` });
      } else {
        superseded.push(this.#outOfReach(rule, count));
      }
    }
    return { held, superseded };
  }

  /** Once a rule is full it is the same for all that come after: of ten thousand snapshots there is one. */
  #outOfReach(rule: Rule, count: number): Reason<"superseded"> {
    const known = this.#reach.get(rule);
    if (known !== undefined) return known;
    const oldest = this.#oldest.get(rule);
    if (oldest === undefined) throw new Error(`${rule} is full and nobody holds a bucket`);
    const { bucket, id } = oldest;
    const reason: Reason<"superseded"> = { code: "superseded", text: reachText(rule, count, bucket, id), by: id };
    this.#reach.set(rule, reason);
    return reason;
  }
}

function reachText(rule: Rule, count: number, bucket: string, id: string): string {
  if (rule === "latest") return count === 1 ? `not the latest (${id} is)` : `not among the latest ${count} (they go back to ${id})`;
  if (count === 1) return `${rule}: not in the last ${UNITS[rule]} with good snapshots (${bucket}, kept: ${id})`;
  return `${rule}: not in the last ${count} ${UNITS[rule]}s with good snapshots (they go back to ${bucket}, kept: ${id})`;
}
