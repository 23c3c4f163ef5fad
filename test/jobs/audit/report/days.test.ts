import { expect, test } from "vitest";
import { known, unknown } from "../../../../shared/audit/facts.ts";
import type { ClusterFacts, EventFact } from "../../../../shared/audit/facts.ts";
import type { DayTally } from "../../../../shared/contract/report.ts";
import { idOfSlot } from "../../../../shared/documents/slot.ts";
import { daysOf } from "../../../../shared/jobs/audit/report/days.ts";
import { exposureOf } from "../../../../shared/jobs/audit/report/exposure.ts";
import { DAY, factsWith, HOUR, NOW, snapshotAt } from "../../../audit/facts.ts";

const HOURLY = { rate: HOUR };
const TODAY = Math.floor(NOW / DAY) * DAY;

const idAt = (hoursAgo: number): string => idOfSlot(new Date(NOW - hoursAgo * HOUR));

/** What the log tells of a backup of so many hours ago that was verified and went since. */
function goneAt(hoursAgo: number): readonly EventFact[] {
  const time = NOW - hoursAgo * HOUR;
  const ids = [idAt(hoursAgo)];
  return [
    { time, event: "backup", by: "snapshot", ids, reason: undefined },
    { time: time + 60_000, event: "verified", by: "audit", ids, reason: undefined },
    { time: time + DAY, event: "removed", by: "audit", ids, reason: undefined },
  ];
}

const failedAt = (hoursAgo: number, by = "snapshot"): EventFact => ({
  time: NOW - hoursAgo * HOUR,
  event: "failed",
  by,
  ids: [],
  reason: "no member answered",
});

function factsOf(hours: readonly number[], events: readonly EventFact[], sinceDays = 30): ClusterFacts {
  return factsWith({ snapshots: known(hours.map((each) => snapshotAt(each))), history: known({ since: NOW - sinceDays * DAY, events }) });
}

const range = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, index) => from - index);

test("a day has what is stored, what is gone and was verified, what failed, and what was due and never tried", () => {
  // Two days of hourly backups: the first is gone, in the second 20:00 failed, and 21:00 and 22:00 were never tried.
  const events = [...range(36, 13).flatMap(goneAt), failedAt(16)].filter(
    ({ ids, event }) => event === "failed" || ![16, 15, 14].map(idAt).includes(ids[0] ?? ""),
  );
  expect(daysOf(factsOf(range(12, 1), events), HOURLY)).toEqual<readonly DayTally[]>([
    { day: TODAY - DAY, good: 21, unproven: 0, failed: 1, missed: 2 },
    { day: TODAY, good: 12, unproven: 0, failed: 0, missed: 0 },
  ]);
});

test("a backup that is due now is not missed yet, and one that was due half its rate ago is", () => {
  const missed = (hours: number): number =>
    daysOf({ ...factsOf([3, 2], []), now: NOW - 2 * HOUR + hours * HOUR }, HOURLY).reduce((sum, day) => sum + day.missed, 0);
  expect([0.5, 1.4, 1.6, 2.4, 2.6].map(missed)).toEqual([0, 0, 1, 1, 2]);
});

test("a snapshot that is stored and not good, or went without a countersignature, is unproven", () => {
  const lacking = snapshotAt(1, { lacks: [{ code: "not-countersigned", reason: "not countersigned" }] });
  const [backup, , removed] = goneAt(2);
  if (backup === undefined || removed === undefined) throw new Error("three events");
  const facts = factsWith({ snapshots: known([lacking]), history: known({ since: NOW - DAY, events: [backup, removed] }) });
  expect(daysOf(facts, HOURLY)).toEqual([{ day: TODAY, good: 0, unproven: 2, failed: 0, missed: 0 }]);
});

test("what was announced and never came is no backup, and a verification that failed is none that failed", () => {
  const [backup] = goneAt(2);
  if (backup === undefined) throw new Error("three events");
  expect(daysOf(factsOf([3, 1], [backup, failedAt(1, "audit")]), HOURLY)).toEqual([
    { day: TODAY, good: 2, unproven: 0, failed: 0, missed: 1 },
  ]);
});

test("of a cron line each time counts to which nothing was tried until the next", () => {
  const nightly = { cron: "0 2 * * *", timeZone: "Europe/Berlin" };
  // 01:00 UTC is 11 hours before noon. The second run began six minutes late, the third never.
  const days = daysOf(factsOf([11 + 72, 10.9 + 48, 11], []), nightly);
  expect(days.map(({ good, missed }) => `${good} good, ${missed} missed`)).toEqual([
    "1 good, 0 missed",
    "1 good, 0 missed",
    "0 good, 1 missed",
    "1 good, 0 missed",
  ]);
});

test("without a schedule nothing is missed, and without the log nothing is known", () => {
  expect(daysOf(factsOf([30, 1], []), undefined).map(({ missed }) => missed)).toEqual([0, 0]);
  expect(daysOf(factsWith({ history: unknown("the store cannot be read") }), HOURLY)).toEqual([]);
  expect(daysOf(factsOf([], []), HOURLY)).toEqual([]);
});

test("what is stored from before the log was read is not counted", () => {
  expect(daysOf(factsOf([80, 1], [], 1), HOURLY)).toHaveLength(1);
});

test("the data at risk of a day is the longest that a disaster could have cost on it", () => {
  const events = [30, 29].flatMap(goneAt);
  const days = exposureOf(factsOf([20, 2, 1], events));
  expect(days.map(({ day }) => day)).toEqual([TODAY - DAY, TODAY]);
  // Yesterday from 07:00 to 16:00, and today from 16:00 of yesterday to 10:00; stored ones are two seconds younger than their slot.
  expect(days.map(({ worstMs }) => worstMs)).toEqual([9 * HOUR + 2000, 18 * HOUR]);
});

test("what is stored and not good is no way back, though it was countersigned", () => {
  const bad = snapshotAt(2, { lacks: [{ code: "quarantine", reason: "in quarantine" }] });
  const [, verified] = goneAt(2);
  if (verified === undefined) throw new Error("three events");
  const facts = factsWith({ snapshots: known([snapshotAt(6), bad]), history: known({ since: NOW - DAY, events: [verified] }) });
  expect(exposureOf(facts)).toEqual([{ day: TODAY, worstMs: 6 * HOUR - 2000 }]);
});
