import { describe, expect, test } from "vitest";
import { forecast, MOST_BACKUPS } from "../../../shared/jobs/prune/forecast.ts";
import type { ForecastInput } from "../../../shared/jobs/prune/forecast.ts";
import { growthOf } from "../../../shared/jobs/prune/growth.ts";
import { decide } from "../../../shared/retention/decide.ts";
import { DAY_MS, HOUR_MS, policy, snapshot } from "../../retention/histories.ts";

const NOW = Date.parse("2026-11-28T10:10:00Z");

function hourlyBackups(count: number, bytes: (index: number) => number = () => 1000): ForecastInput["snapshots"] {
  const last = Date.parse("2026-11-28T10:00:00Z");
  return Array.from({ length: count }, (_, index) => snapshot(last - (count - 1 - index) * HOUR_MS, { bytes: bytes(index) }));
}

function input(some: Partial<ForecastInput>): ForecastInput {
  return {
    snapshots: hourlyBackups(1),
    lineages: [{ number: 1, frozen: false }],
    policy: policy({ latest: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, annual: 2, minAge: DAY_MS, keepUnverified: 7 * DAY_MS }),
    schedule: { rate: HOUR_MS },
    now: NOW,
    until: NOW + 3 * 365 * DAY_MS,
    ...some,
  };
}

function pointsOf(some: Partial<ForecastInput>) {
  const found = forecast(input(some));
  if (found === undefined) throw new Error("nothing was forecast");
  return found;
}

test("storage levels off once each rule has its snapshots", () => {
  const { points, step, backups } = pointsOf({});
  expect(step).toBe("month");
  expect(backups).toBe(3 * 365 * 24);
  const counts = points.map(({ snapshots }) => snapshots);
  expect(counts[0]).toBe(1);
  // 24 of hours, 6 more days, 3 or 4 more weeks, 11 or 12 months and a year or two: never more, whatever day it is.
  const settled = counts.slice(14);
  expect(Math.max(...settled)).toBeLessThanOrEqual(24 + 7 + 4 + 12 + 2);
  expect(Math.min(...settled)).toBeGreaterThanOrEqual(24 + 6 + 2 + 9);
  expect(points.at(-1)).toMatchObject({ time: NOW + 3 * 365 * DAY_MS, bytes: (counts.at(-1) ?? 0) * 1000 });
});

test("says what is kept then: the same as one decision over all that comes", () => {
  const until = NOW + 40 * DAY_MS;
  const { points } = pointsOf({ until });
  const all = Array.from({ length: 40 * 24 + 1 }, (_, hours) => snapshot(Date.parse("2026-11-28T10:00:00Z") + hours * HOUR_MS));
  const decisions = decide({ snapshots: all, lineages: [{ number: 1, frozen: false }], policy: input({}).policy, now: until });
  expect(points.at(-1)?.snapshots).toBe(decisions.filter(({ verdict }) => verdict === "keep").length);
});

test("what comes and what goes adds up from point to point", () => {
  const { points, step } = pointsOf({ snapshots: hourlyBackups(500), until: NOW + 60 * DAY_MS });
  expect(step).toBe("week");
  for (const [index, point] of points.slice(1).entries())
    expect(point.snapshots).toBe((points[index]?.snapshots ?? 0) + point.added - point.removed);
  // The first clearing is within the first week.
  expect(points[0]?.snapshots).toBe(500);
  expect(points[1]?.removed).toBeGreaterThan(400);
});

test("a step is a day up to a month ahead, a week up to half a year, else a month", () => {
  const stepsTo = (days: number) => pointsOf({ until: NOW + days * DAY_MS });
  expect(stepsTo(31)).toMatchObject({ step: "day" });
  expect(stepsTo(31).points).toHaveLength(32);
  expect(stepsTo(32)).toMatchObject({ step: "week" });
  const months = stepsTo(400).points.map(({ time }) => new Date(time).toISOString().slice(0, 7));
  expect(months).toEqual([
    "2026-11",
    "2026-12",
    ...Array.from({ length: 12 }, (_, month) => `2027-${String(month + 1).padStart(2, "0")}`),
    "2028-01",
    "2028-01",
  ]);
});

test("a cron schedule has its own times", () => {
  const { backups } = pointsOf({ schedule: { cron: "0 2 * * mon-fri", timeZone: "Europe/Berlin" }, until: NOW + 28 * DAY_MS });
  expect(backups).toBe(20);
});

test("locks keep what the policy would let go, and renewed ones keep it longer", () => {
  const until = NOW + 30 * DAY_MS;
  const some = { policy: policy({ latest: 1 }), until };
  expect(pointsOf(some).points.at(-1)?.snapshots).toBe(1);
  // An hour each: those of the last 48 hours, and the newest.
  expect(pointsOf({ ...some, lockMs: 2 * DAY_MS }).points.at(-1)?.snapshots).toBe(48);
  // What is kept at the end of a day is locked for 8 days more: one of each of the last 8 days besides.
  expect(pointsOf({ ...some, lockMs: 2 * DAY_MS, keptLockMs: 8 * DAY_MS }).points.at(-1)?.snapshots).toBeGreaterThanOrEqual(48 + 5);
});

test("a frozen lineage stays whole", () => {
  const lineages = [
    { number: 1, frozen: true },
    { number: 2, frozen: false },
  ];
  const { points } = pointsOf({ snapshots: hourlyBackups(200), lineages, policy: policy({ latest: 1 }), until: NOW + 20 * DAY_MS });
  expect(points.at(-1)?.snapshots).toBe(201);
});

test("nothing stored gives no forecast, and too many backups none either", () => {
  expect(forecast(input({ snapshots: [] }))).toBeUndefined();
  expect(() => forecast(input({ schedule: { rate: 60_000 }, until: NOW + 365 * DAY_MS }))).toThrow(`more than ${MOST_BACKUPS} backups`);
});

describe("the size of the coming backups", () => {
  test("grows by the trend of the last 30 days", () => {
    // 10 days, 10 bytes an hour.
    expect(growthOf(hourlyBackups(241, (index) => 10_000 + 10 * index))).toEqual({
      bytes: 12_400,
      since: Date.parse("2026-11-28T10:00:00Z"),
      bytesPerDay: 240,
      basis: "trend",
      reason: "the trend of 241 good snapshots over 10 days",
    });
    const { points } = pointsOf({
      snapshots: hourlyBackups(241, (index) => 10_000 + 10 * index),
      policy: policy({ latest: 1 }),
      until: NOW + 10 * DAY_MS,
    });
    expect(points.at(-1)?.bytes).toBe(12_400 + 2400);
  });

  test.each([
    ["too few say nothing", hourlyBackups(4), "a trend takes 5 good snapshots over 7 days"],
    ["a short time says nothing", hourlyBackups(100, (index) => 1000 + index), "a trend takes 5 good snapshots over 7 days"],
    ["none is forecast to shrink", hourlyBackups(241, (index) => 10_000 - index), "they did not grow in 10 days"],
  ])("%s: it is constant, with the reason", (_what, snapshots, reason) => {
    expect(growthOf(snapshots)).toMatchObject({ bytesPerDay: 0, basis: "constant" });
    expect(growthOf(snapshots)?.reason).toContain(reason);
  });

  test("where none is good it is that of the newest", () => {
    const growth = growthOf([snapshot(NOW, { good: false, bytes: 7 })]);
    expect(growth).toMatchObject({ bytes: 7, basis: "constant" });
    expect(growth?.reason).toContain("no snapshot is good");
  });

  test("what is not good, and what is older than 30 days, is no part of the trend", () => {
    const grown = hourlyBackups(241, (index) => 10_000 + 10 * index);
    const other = [
      snapshot("2026-11-27T10:30:00Z", { good: false, bytes: 9_000_000 }),
      snapshot("2026-09-27T10:30:00Z", { bytes: 9_000_000 }),
    ];
    expect(growthOf([...other, ...grown])).toEqual(growthOf(grown));
  });
});
