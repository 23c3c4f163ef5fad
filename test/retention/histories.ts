import fc from "fast-check";
import { decide } from "../../shared/retention/decide.ts";
import type { DecideInput } from "../../shared/retention/decide.ts";
import type { SnapshotFacts } from "../../shared/retention/facts.ts";
import { keepsNothing } from "../../shared/retention/policy.ts";
import type { RetentionPolicy } from "../../shared/retention/policy.ts";
import { idOfSlot } from "../../shared/documents/slot.ts";

/** Histories of snapshots, made up. */

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A good snapshot of lineage 1 that nothing holds. */
export function snapshot(time: number | string, more: Partial<SnapshotFacts> & { readonly ordinal?: number } = {}): SnapshotFacts {
  const { ordinal, ...facts } = more;
  const ms = new Date(time).getTime();
  return {
    id: idOfSlot(new Date(ms), ordinal),
    time: ms,
    lineage: 1,
    good: true,
    lacks: [],
    bytes: 1000,
    pinned: undefined,
    lockedUntil: undefined,
    unknown: [],
    ...facts,
  };
}

/** Keeps so many; what is not named is 0, and nothing is kept for its age. */
export function policy(some: Partial<RetentionPolicy>): RetentionPolicy {
  return { latest: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, annual: 0, minAge: 0, keepUnverified: 0, timeZone: "UTC", ...some };
}

export function removedBy(input: DecideInput): readonly string[] {
  return decide(input).flatMap(({ id, verdict }) => (verdict === "remove" ? [id] : []));
}

export const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Pacific/Auckland",
  "America/St_Johns",
  "Australia/Lord_Howe",
];

const count = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 8 }));
export const anyPolicy: fc.Arbitrary<RetentionPolicy> = fc
  .record({
    latest: count,
    hourly: count,
    daily: count,
    weekly: count,
    monthly: count,
    annual: count,
    minAge: fc.constantFrom(0, HOUR_MS, DAY_MS, 3 * DAY_MS),
    keepUnverified: fc.constantFrom(0, HOUR_MS, DAY_MS, 7 * DAY_MS),
    timeZone: fc.constantFrom(...ZONES),
  })
  .filter((each) => !keepsNothing(each));

export const NOW = Date.parse("2026-11-28T10:00:00Z");

/** Minutes back from NOW: dense at first, then sparser, now and then a bit ahead. */
const anyTime = fc
  .oneof(
    fc.integer({ min: -60, max: 120 }),
    fc.integer({ min: 0, max: 3 * 24 * 60 }),
    fc.integer({ min: 0, max: 60 * 24 * 60 }),
    fc.integer({ min: 0, max: 3 * 365 * 24 * 60 }),
  )
  .map((minutes) => NOW - minutes * 60_000);

const anyFacts = fc.record({
  time: anyTime,
  ordinal: fc.constantFrom(1, 1, 1, 2, 10),
  lineage: fc.constantFrom(1, 1, 1, 2, 2, 3, undefined),
  good: fc.constantFrom(true, true, true, true, false, undefined),
  pinned: fc.constantFrom(undefined, undefined, undefined, undefined, { reason: "before the upgrade" }, "unknown" as const),
  lockedUntil: fc.constantFrom(undefined, undefined, undefined, NOW - 1, NOW + DAY_MS, Number.POSITIVE_INFINITY),
  unknown: fc.constantFrom([], [], [], [], [], ["its lock could not be read"]),
});

/** Facts of which nothing is unknown, and nothing holds any. */
const plainFacts = fc.record({
  time: anyTime,
  ordinal: fc.constantFrom(1, 1, 1, 2, 10),
  lineage: fc.constantFrom(1, 2),
  good: fc.constantFrom(true, true, true, false),
});

function historyOf(
  facts: fc.Arbitrary<Partial<SnapshotFacts> & { readonly time: number; readonly ordinal: number }>,
): fc.Arbitrary<readonly SnapshotFacts[]> {
  return fc
    .array(facts, { maxLength: 60 })
    .map((list) => list.map(({ time, ...more }) => snapshot(time, { ...more, lacks: more.good === false ? ["not countersigned"] : [] })))
    .map((list) => [...new Map(list.map((each) => [each.id, each])).values()]);
}

const anyHistory = historyOf(anyFacts);
export const plainHistory = historyOf(plainFacts);

const anyLineages = fc.constantFrom(
  [
    { number: 1, frozen: false },
    { number: 2, frozen: false },
  ],
  [
    { number: 1, frozen: true, reason: "lineage 2 is not accepted" },
    { number: 2, frozen: false },
  ],
  [{ number: 1, frozen: false }],
);

export const anyInput: fc.Arbitrary<DecideInput> = fc.record({
  snapshots: anyHistory,
  lineages: anyLineages,
  policy: anyPolicy,
  now: fc.constantFrom(NOW, NOW, NOW + 400 * DAY_MS, NOW - 30 * DAY_MS),
});
