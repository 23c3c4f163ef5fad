import { describe, expect, test } from "vitest";
import { dueTimes } from "../../shared/config/due-times.ts";
import type { ClusterConfig } from "../../shared/config/schema.ts";

function due(schedule: ClusterConfig["schedule"], after: string, until: string, last = after): readonly string[] {
  const [from, to, before] = [after, until, last].map((each) => Date.parse(each)) as [number, number, number];
  return [...dueTimes(schedule, { after: from, until: to, last: before })].map((time) =>
    new Date(time).toISOString().replace(".000Z", "Z"),
  );
}

describe("a rate", () => {
  test("counts on from the last backup, and not before now", () => {
    expect(due({ rate: 3_600_000 }, "2026-11-28T10:10:00Z", "2026-11-28T13:00:00Z", "2026-11-28T05:00:00Z")).toEqual([
      "2026-11-28T11:00:00Z",
      "2026-11-28T12:00:00Z",
      "2026-11-28T13:00:00Z",
    ]);
  });
});

describe("a cron line", () => {
  test("runs by the wall clock of its time zone", () => {
    expect(due({ cron: "30 2 * * *", timeZone: "Europe/Berlin" }, "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z")).toEqual([
      "2026-10-24T00:30:00Z",
      // It comes twice on that night, and runs once.
      "2026-10-25T00:30:00Z",
      "2026-10-26T01:30:00Z",
    ]);
  });

  test("a time that clocks skip is taken an hour later", () => {
    expect(due({ cron: "30 2 * * *", timeZone: "Europe/Berlin" }, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z")).toEqual([
      "2026-03-29T01:30:00Z",
      "2026-03-30T00:30:00Z",
    ]);
  });

  test("an hour later still is the same day's", () => {
    expect(due({ cron: "0 3 * * *", timeZone: "Europe/Berlin" }, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z")).toEqual([
      "2026-03-29T01:00:00Z",
    ]);
    expect(due({ cron: "0 4 * * *", timeZone: "Europe/Berlin" }, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z")).toEqual([
      "2026-10-25T03:00:00Z",
    ]);
  });

  test("knows days of the week", () => {
    expect(due({ cron: "0 0 * * mon", timeZone: "UTC" }, "2026-11-28T00:00:00Z", "2026-12-08T00:00:00Z")).toEqual([
      "2026-11-30T00:00:00Z",
      "2026-12-07T00:00:00Z",
    ]);
  });

  test("west of Greenwich the day of the line is the local one", () => {
    expect(due({ cron: "0 22 1 * *", timeZone: "America/New_York" }, "2026-11-28T00:00:00Z", "2027-01-02T12:00:00Z")).toEqual([
      "2026-12-02T03:00:00Z",
      "2027-01-02T03:00:00Z",
    ]);
  });

  test("one that is none is told", () => {
    expect(() => due({ cron: "every hour", timeZone: "UTC" }, "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z")).toThrow(
      'the schedule "every hour" has 2 fields in place of five',
    );
  });
});
