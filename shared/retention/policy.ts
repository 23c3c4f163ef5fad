import { durationText } from "./duration-text.ts";

/**
 * The rules of a policy, in the order in which reasons name them. Each keeps the newest good snapshot of the last N of its buckets that have good ones: of `latest`
 * each snapshot is a bucket of its own, of the others it is an hour, day, ISO week, month or year.
 */
export const RULES = ["latest", "hourly", "daily", "weekly", "monthly", "annual"] as const;
export type Rule = (typeof RULES)[number];

/** What to keep of a cluster. The counts are of each lineage by itself. */
export interface RetentionPolicy extends Readonly<Record<Rule, number>> {
  /** In ms: nothing goes that is not so much older than the newest good snapshot of its lineage. */
  readonly minAge: number;
  /** In ms: what is not good is kept until a good one of its lineage is so much newer. */
  readonly keepUnverified: number;
  /** IANA name: where hours, days, weeks, months and years begin. */
  readonly timeZone: string;
}

/** Whether the policy would keep nothing but what no policy lets go. Such a configuration is refused. */
export function keepsNothing(counts: Readonly<Record<Rule, number>>): boolean {
  return RULES.every((rule) => counts[rule] === 0);
}

const DAY_MS = 86_400_000;
/** What a configuration has where it says nothing. */
export const RETENTION_DEFAULTS = { minAge: DAY_MS, keepUnverified: 7 * DAY_MS } as const;

/**
 * What a person should know of a policy before it removes anything: one sentence each, lower case, no full stop. `cluster` is its name. A `minAge` below the
 * default is taken: but what is wrong with a backup may take a day to be seen.
 */
export function policyWarnings(cluster: string, { minAge }: Pick<RetentionPolicy, "minAge">): readonly string[] {
  if (minAge >= RETENTION_DEFAULTS.minAge) return [];
  return [
    `retention.minAge of ${cluster} is ${durationText(minAge)}, less than ${durationText(RETENTION_DEFAULTS.minAge)}: what is removed does not come back, since the slot of a removed snapshot is never taken again`,
  ];
}
