import { expect, test } from "vitest";
import { revisionBump } from "../../shared/bundle/revision-bump.ts";

const NOW = new Date("2026-11-28T12:00:00Z");
const EARLY = new Date("2020-01-01T00:00:10Z");

test("is at least 10^9", () => {
  expect(revisionBump({ revision: 500, highest: 700, now: EARLY })).toEqual({ bump: 1_000_000_000n, revisionAfter: 1_000_000_500n });
});

test("is 10^6 above the highest revision on record", () => {
  expect(revisionBump({ revision: 500, highest: 5_000_000_000, now: EARLY })).toEqual({
    bump: 5_000_999_500n,
    revisionAfter: 5_001_000_000n,
  });
});

test("is above all that an earlier restore of the same snapshot can have come to", () => {
  const first = revisionBump({ revision: 500, highest: 500, now: NOW });
  const hourLater = revisionBump({ revision: 500, highest: 500, now: new Date(NOW.getTime() + 3_600_000) });
  // 10,000 writes a second for an hour.
  expect(hourLater?.revisionAfter).toBe((first?.revisionAfter ?? 0n) + 36_000_000n);
  expect(first?.revisionAfter).toBeGreaterThan(10n ** 12n);
});

test("adds up also where numbers are too large for a double", () => {
  const highest = Number.MAX_SAFE_INTEGER;
  expect(revisionBump({ revision: 1, highest, now: NOW })).toEqual({
    bump: BigInt(highest) + 999_999n,
    revisionAfter: BigInt(highest) + 1_000_000n,
  });
});

test("is none where etcd's revisions have no room left", () => {
  expect(revisionBump({ revision: 1, highest: 2 ** 62, now: NOW })).toBeUndefined();
});
