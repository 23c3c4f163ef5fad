import { describe, expect, test } from "vitest";
import { longestGapMs, parseCron, toAwsCron } from "../../shared/config/cron.ts";
import { scheduleExpression } from "../../infra/schedule/expression.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function aws(line: string): string {
  const cron = parseCron(line);
  if (typeof cron === "string") return cron;
  const found = toAwsCron(cron);
  return typeof found === "string" ? found : found.expression;
}

function gap(line: string): number | undefined {
  const cron = parseCron(line);
  if (typeof cron === "string") throw new Error(cron);
  return longestGapMs(cron);
}

describe("a cron line becomes one that AWS takes", () => {
  test.each([
    ["0 2 * * *", "cron(0 2 * * ? *)"],
    ["*/15 * * * *", "cron(0,15,30,45 * * * ? *)"],
    ["5/20 8-18 * * *", "cron(5,25,45 8-18 * * ? *)"],
    ["0 */6 1,15 * *", "cron(0 0,6,12,18 1,15 * ? *)"],
    ["30 4 1 jan-jun *", "cron(30 4 1 1-6 ? *)"],
    // AWS counts days of the week from Sunday = 1, so they are named.
    ["0 3 * * 0", "cron(0 3 ? * SUN *)"],
    ["0 3 * * 7", "cron(0 3 ? * SUN *)"],
    ["0 3 * * 1-5", "cron(0 3 ? * MON,TUE,WED,THU,FRI *)"],
    ["0 3 * 2 sat,sun", "cron(0 3 ? 2 SUN,SAT *)"],
    ["1,2,4,5,6 0-23 * * *", "cron(1,2,4-6 * * * ? *)"],
  ])("%s is %s", (line, expected) => expect(aws(line)).toBe(expected));
});

describe("what is no cron line, or none for AWS, says why", () => {
  test.each([
    ["0 2 * *", "has 4 fields in place of five: minute, hour, day of the month, month, day of the week"],
    ["60 2 * * *", '"60" is no minute'],
    ["0 24 * * *", '"24" is no hour'],
    ["0 2 0 * *", '"0" is no day of the month'],
    ["0 2 L * *", '"L" is no day of the month'],
    ["0 2 * foo *", '"foo" is no month'],
    ["0 2 * * 8", '"8" is no day of the week'],
    ["0 5-2 * * *", '"5-2" is no hour'],
    ["*/0 2 * * *", '"*/0" is no minute'],
    ["0 2 1 * mon", "restricts the day of the month and the day of the week, and AWS takes one of them"],
  ])("%s", (line, expected) => expect(aws(line)).toBe(expected));
});

describe("the longest gap between two runs", () => {
  test.each([
    ["0 2 * * *", DAY_MS],
    ["*/15 * * * *", HOUR_MS / 4],
    ["0 8-18 * * *", 14 * HOUR_MS],
    ["0 0 * * 1-5", 3 * DAY_MS],
    ["0 0 1 * *", 31 * DAY_MS],
    ["0 0 31 * *", 61 * DAY_MS],
    ["0 0 * * mon", 7 * DAY_MS],
    ["0 0 29 2 *", 1461 * DAY_MS],
  ])("of %s", (line, expected) => expect(gap(line)).toBe(expected));

  test("is not there for a time that never comes", () => {
    expect(gap("0 0 30 2 *")).toBeUndefined();
    expect(scheduleExpression({ cron: "0 0 30 2 *", timeZone: "UTC" })).toBe('"0 0 30 2 *" is a time that never comes');
  });

  test("is an hour longer where clocks are put forward", () => {
    expect(scheduleExpression({ cron: "0 2 * * *", timeZone: "Europe/Berlin" })).toEqual({
      expression: "cron(0 2 * * ? *)",
      timeZone: "Europe/Berlin",
      longestGapMs: 25 * HOUR_MS,
    });
  });
});

describe("a rate", () => {
  test.each([
    [60_000, "rate(1 minute)"],
    [90 * 60_000, "rate(90 minutes)"],
    [HOUR_MS, "rate(1 hour)"],
    [36 * HOUR_MS, "rate(36 hours)"],
    [2 * DAY_MS, "rate(2 days)"],
  ])("of %d ms", (rate, expression) => expect(scheduleExpression({ rate })).toEqual({ expression, timeZone: "UTC", longestGapMs: rate }));

  test("finer than minutes is none", () => {
    expect(scheduleExpression({ rate: 90_000 })).toBe("is no whole number of minutes, and AWS takes nothing finer");
  });
});
