import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide } from "../../shared/retention/decide.ts";
import type { DecideInput } from "../../shared/retention/decide.ts";
import type { SnapshotFacts } from "../../shared/retention/facts.ts";
import { RULES } from "../../shared/retention/policy.ts";
import { SKEW_MS } from "../../shared/documents/slot.ts";
import { anyInput, anyPolicy, DAY_MS, NOW, plainHistory, policy, removedBy, snapshot } from "./histories.ts";

const RUNS = { numRuns: 500 };

/** A plain history without a frozen lineage: only the rules decide. */
const plainInput: fc.Arbitrary<DecideInput> = fc.record({
  snapshots: plainHistory,
  lineages: fc.constant([
    { number: 1, frozen: false },
    { number: 2, frozen: false },
  ]),
  policy: anyPolicy,
  now: fc.constant(NOW),
});

function without(input: DecideInput, ids: readonly string[]): DecideInput {
  return { ...input, snapshots: input.snapshots.filter(({ id }) => !ids.includes(id)) };
}

test("each snapshot is decided once, and never without a reason", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const decisions = decide(input);
      expect(decisions.map(({ id }) => id).toSorted()).toEqual(input.snapshots.map(({ id }) => id).toSorted());
      expect(decisions.filter(({ reasons }) => reasons.length === 0)).toEqual([]);
    }),
    RUNS,
  );
});

test("after what is to go is gone, nothing more goes at the same time", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      expect(removedBy(without(input, removedBy(input)))).toEqual([]);
    }),
    RUNS,
  );
});

test("part of it gone, the rest still goes and nothing else", () => {
  fc.assert(
    fc.property(anyInput, fc.integer({ min: 0, max: 7 }), (input, part) => {
      const removed = removedBy(input);
      const gone = removed.filter((_, index) => index % 8 < part);
      expect(removedBy(without(input, gone))).toEqual(removed.filter((id) => !gone.includes(id)));
    }),
    RUNS,
  );
});

test("the order in which snapshots and lineages are given does not matter", () => {
  fc.assert(
    fc.property(
      anyInput.chain((input) =>
        fc.record({
          input: fc.constant(input),
          snapshots: fc.shuffledSubarray([...input.snapshots], { minLength: input.snapshots.length }),
        }),
      ),
      ({ input, snapshots }) => {
        expect(decide({ ...input, snapshots, lineages: input.lineages.toReversed() })).toEqual(decide(input));
      },
    ),
    RUNS,
  );
});

describe("whatever the facts and the policy, none goes that is", () => {
  const isKnown = ({ lineage, good, pinned, unknown, time }: SnapshotFacts, { lineages, now }: DecideInput): boolean =>
    lineages.some(({ number }) => number === lineage) &&
    good !== undefined &&
    pinned !== "unknown" &&
    unknown.length === 0 &&
    time <= now + SKEW_MS;
  const newestGoodOf = (input: DecideInput, lineage: number | undefined): SnapshotFacts | undefined =>
    input.snapshots
      .filter((each) => each.lineage === lineage && each.good === true && isKnown(each, input))
      .reduce<SnapshotFacts | undefined>((newest, each) => (newest === undefined || each.time >= newest.time ? each : newest), undefined);

  test.each([
    ["pinned", ({ pinned }: SnapshotFacts) => pinned !== undefined],
    ["locked", ({ lockedUntil }: SnapshotFacts, { now }: DecideInput) => lockedUntil !== undefined && lockedUntil > now],
    [
      "of a frozen lineage",
      ({ lineage }: SnapshotFacts, { lineages }: DecideInput) => lineages.some(({ number, frozen }) => number === lineage && frozen),
    ],
    ["not known in all its facts", (facts: SnapshotFacts, input: DecideInput) => !isKnown(facts, input)],
    [
      "the newest good one of its lineage",
      (facts: SnapshotFacts, input: DecideInput) => newestGoodOf(input, facts.lineage)?.id === facts.id,
    ],
    [
      "younger than the least age, counted from the newest good one and from now",
      (facts: SnapshotFacts, input: DecideInput) =>
        Math.min(input.now, newestGoodOf(input, facts.lineage)?.time ?? 0) - facts.time < input.policy.minAge,
    ],
    [
      "not good while no good one is newer",
      (facts: SnapshotFacts, input: DecideInput) => facts.good === false && (newestGoodOf(input, facts.lineage)?.time ?? 0) <= facts.time,
    ],
  ] as const)("%s", (_what, holds) => {
    let held = 0;
    fc.assert(
      fc.property(anyInput, (input) => {
        const removed = new Set(removedBy(input));
        const kept = input.snapshots.filter((facts) => holds(facts, input));
        held += kept.length;
        expect(kept.filter(({ id }) => removed.has(id))).toEqual([]);
      }),
      RUNS,
    );
    expect(held).toBeGreaterThan(100);
  });
});

test("what is not good, or not known, displaces nothing: with it or without it the same good ones go", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const sure = input.snapshots.filter(
        ({ good, lineage, pinned, unknown, time }) =>
          good === true && lineage !== undefined && pinned !== "unknown" && unknown.length === 0 && time <= input.now + SKEW_MS,
      );
      const removed = removedBy(input);
      expect(removedBy({ ...input, snapshots: sure })).toEqual(removed.filter((id) => sure.some((each) => each.id === id)));
    }),
    RUNS,
  );
});

test("time alone removes nothing but what a lock held", () => {
  fc.assert(
    fc.property(anyInput, fc.integer({ min: 1, max: 5 * 365 }), (input, days) => {
      // From a time on at which none lies ahead: what was not known for that becomes known.
      const start = { ...input, now: NOW + DAY_MS };
      const later = { ...start, now: start.now + days * DAY_MS };
      const locked = new Set(start.snapshots.filter(({ lockedUntil }) => (lockedUntil ?? 0) > start.now).map(({ id }) => id));
      const before = removedBy(start);
      expect(removedBy(later).filter((id) => !before.includes(id) && !locked.has(id))).toEqual([]);
    }),
    RUNS,
  );
});

/**
 * One more good snapshot takes at most one place of each rule: of the bucket that it is the newest of now, or, where it opens a bucket, the oldest of the N. Where it is
 * the newest good one it is also what ages are counted from: then `minAge` and `keepUnverified` end for what they held so far, and for nothing else.
 */
test("one more good snapshot removes no more than one for each rule, and what it ages", () => {
  fc.assert(
    fc.property(plainInput, fc.integer({ min: 0, max: 3 * 365 * 24 * 60 }), (input, minutes) => {
      const added = snapshot(NOW - minutes * 60_000, { ordinal: 3 });
      const before = new Map(decide(input).map((each) => [each.id, each]));
      const removed = removedBy({ ...input, snapshots: [...input.snapshots, added] }).filter(
        (id) => id !== added.id && before.get(id)?.verdict === "keep",
      );
      const isNewest = input.snapshots.every(
        ({ lineage, good, time }) => lineage !== 1 || good !== true || time <= added.time || time > NOW + SKEW_MS,
      );
      const codes = removed.map((id) => before.get(id)?.reasons.map(({ code }) => code) ?? []);
      // Other lineages are not touched.
      expect(removed.filter((id) => before.get(id)?.lineage !== 1)).toEqual([]);
      const held = codes.flat().filter((code) => RULES.some((rule) => rule === code));
      for (const rule of RULES) expect(held.filter((code) => code === rule).length).toBeLessThanOrEqual(1);
      const others = codes.flat().filter((code) => !RULES.some((rule) => rule === code));
      if (!isNewest) expect(others).toEqual([]);
      for (const code of others) expect(["newest-good", "min-age", "unverified"]).toContain(code);
    }),
    { numRuns: 2000 },
  );
});

test("pruned after each backup or once at the end: the same is kept", () => {
  fc.assert(
    fc.property(plainInput, (input) => {
      const inTurn = input.snapshots.toSorted((one, other) => one.time - other.time);
      let kept: readonly SnapshotFacts[] = [];
      for (const each of inTurn) {
        kept = kept.concat(each);
        const removed = removedBy({ ...input, snapshots: kept });
        kept = kept.filter(({ id }) => !removed.includes(id));
      }
      const removed = removedBy(input);
      const expected = inTurn.filter(({ id }) => !removed.includes(id));
      expect(kept.map(({ id }) => id).toSorted()).toEqual(expected.map(({ id }) => id).toSorted());
    }),
    { numRuns: 200 },
  );
});

test("a policy that keeps nothing, and an id given twice, are refused", () => {
  const input = { snapshots: [snapshot(NOW)], lineages: [{ number: 1, frozen: false }], policy: policy({ latest: 1 }), now: NOW };
  expect(() => decide({ ...input, policy: policy({}) })).toThrow("keeps nothing");
  expect(() => decide({ ...input, snapshots: [snapshot(NOW), snapshot(NOW)] })).toThrow("20261128T100000Z is given twice");
});

test("10,000 snapshots take well under half a second of CPU", () => {
  const snapshots = Array.from({ length: 10_000 }, (_, hours) => snapshot(NOW - hours * 3_600_000));
  const input = {
    snapshots,
    lineages: [{ number: 1, frozen: false }],
    policy: {
      latest: 3,
      hourly: 24,
      daily: 7,
      weekly: 4,
      monthly: 12,
      annual: 1,
      minAge: DAY_MS,
      keepUnverified: DAY_MS,
      timeZone: "Europe/Berlin",
    },
    now: NOW,
  };
  decide({ ...input, snapshots: snapshots.slice(0, 100) });
  const start = process.cpuUsage();
  expect(decide(input)).toHaveLength(10_000);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(500);
});
