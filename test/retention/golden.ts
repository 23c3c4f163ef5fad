import { z } from "zod";
import { parseDuration } from "../../shared/config/durations.ts";
import { decide } from "../../shared/retention/decide.ts";
import type { Decision } from "../../shared/retention/decision.ts";
import type { SnapshotFacts } from "../../shared/retention/facts.ts";
import { RULES } from "../../shared/retention/policy.ts";
import { policy, snapshot } from "./histories.ts";

/** A golden file: a history and a policy that a person can read, and what is decided of it, with every reason. */

export const SUBJECTS = [
  "daylight saving",
  "leap years",
  "weeks",
  "years",
  "gaps",
  "bursts",
  "clock jumps",
  "lineages",
  "frozen",
  "pins",
  "locks",
  "unknown facts",
  "not good",
  "least age",
  "suffixes",
  "rules",
] as const;

const time = z.iso.datetime();
const duration = z.string().transform((text) => parseDuration(text) ?? Number.NaN);
const facts = {
  lineage: z.int().nullable().optional(),
  good: z.boolean().nullable().optional(),
  lacks: z.array(z.string()).optional(),
  pinned: z.union([z.literal("unknown"), z.strictObject({ reason: z.string() })]).optional(),
  /** `always`: a lock without an end. */
  lockedUntil: z.union([time, z.literal("always")]).optional(),
  unknown: z.array(z.string()).optional(),
};

export const goldenSchema = z.strictObject({
  about: z.string(),
  subjects: z.array(z.enum(SUBJECTS)).min(1),
  /** What is left out is 0, and UTC. */
  policy: z.strictObject({
    ...Object.fromEntries(RULES.map((rule) => [rule, z.int().optional()])),
    minAge: duration.optional(),
    keepUnverified: duration.optional(),
    timeZone: z.string().optional(),
  }),
  now: time,
  /** Left out: lineage 1, not frozen. */
  lineages: z.array(z.strictObject({ number: z.int(), frozen: z.boolean(), reason: z.string().optional() })).optional(),
  /** A time, one with facts, or a row of times. What is left out is a good one of lineage 1 that nothing holds. */
  history: z.array(
    z.union([
      time,
      z.strictObject({ at: time, suffix: z.int().optional(), ...facts }),
      z.strictObject({ from: time, every: duration, count: z.int(), ...facts }),
    ]),
  ),
  /** One line for each, newest first: `keep ID: REASON; REASON`. */
  decisions: z.array(z.string()),
  /** Where there are too many to read: all that no line is of are removed, so many. */
  othersRemoved: z.int().optional(),
});

export type Golden = z.infer<typeof goldenSchema>;

export function decideGolden(golden: Omit<Golden, "decisions">): readonly Decision[] {
  return decide({
    snapshots: golden.history.flatMap(snapshotsOf),
    lineages: (golden.lineages ?? [{ number: 1, frozen: false }]).map(({ number, frozen, reason }) =>
      reason === undefined ? { number, frozen } : { number, frozen, reason },
    ),
    policy: policy(golden.policy),
    now: Date.parse(golden.now),
  });
}

export function lineOf({ id, verdict, reasons }: Decision): string {
  return `${verdict} ${id}: ${reasons.map(({ text }) => text).join("; ")}`;
}

function snapshotsOf(entry: Golden["history"][number]): readonly SnapshotFacts[] {
  if (typeof entry === "string") return [snapshot(entry)];
  if ("at" in entry) return [snapshot(entry.at, { ordinal: entry.suffix ?? 1, ...factsOf(entry) })];
  const start = Date.parse(entry.from);
  return Array.from({ length: entry.count }, (_, index) => snapshot(start + index * entry.every, factsOf(entry)));
}

function factsOf({
  lineage,
  good,
  lacks,
  pinned,
  lockedUntil,
  unknown,
}: Exclude<Golden["history"][number], string>): Partial<SnapshotFacts> {
  return {
    ...(lineage !== undefined && { lineage: lineage ?? undefined }),
    ...(good !== undefined && { good: good ?? undefined }),
    ...(lacks !== undefined && { lacks }),
    ...(pinned !== undefined && { pinned }),
    ...(lockedUntil !== undefined && { lockedUntil: lockedUntil === "always" ? Number.POSITIVE_INFINITY : Date.parse(lockedUntil) }),
    ...(unknown !== undefined && { unknown }),
  };
}
