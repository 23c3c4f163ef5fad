import type { Rule } from "./policy.ts";

type TimedRule = Exclude<Rule, "latest">;

/** Names the bucket of a rule that a time falls in, in one time zone: `2026-11-21 10:00`, `2026-11-21`, `2026-W47`, `2026-11`, `2026`. */
export type BucketOf = (rule: TimedRule, time: number) => string;

interface WallClock {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
}

/** Making a formatter takes about a millisecond, and a plan of 10,000 snapshots asks for 50,000 buckets. */
const readers = new Map<string, (time: number) => WallClock>();

/**
 * Buckets by the wall clock of `timeZone`, as restic has them: an hour that comes twice when clocks are put back is one bucket, and one that is left out
 * is none. Weeks are those of ISO 8601: from Monday, the first being the one with 4 January.
 */
export function bucketsIn(timeZone: string): BucketOf {
  let read = readers.get(timeZone);
  if (read === undefined) {
    read = timeZone === "UTC" ? readUtc : readerFor(timeZone);
    readers.set(timeZone, read);
  }
  const wallClock = read;
  // The rules ask one after the other about the same snapshot.
  let last: { readonly time: number; readonly at: WallClock } | undefined;
  return (rule, time) => {
    if (last?.time !== time) last = { time, at: wallClock(time) };
    return NAMES[rule](last.at);
  };
}

const NAMES: Readonly<Record<TimedRule, (at: WallClock) => string>> = {
  hourly: ({ year, month, day, hour }) => `${year}-${two(month)}-${two(day)} ${two(hour)}:00`,
  daily: ({ year, month, day }) => `${year}-${two(month)}-${two(day)}`,
  weekly: ({ year, month, day }) => isoWeek(year, month, day),
  monthly: ({ year, month }) => `${year}-${two(month)}`,
  annual: ({ year }) => String(year),
};

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

const DAY_MS = 86_400_000;

/** ISO 8601: a week belongs to the year that its Thursday is in. */
function isoWeek(year: number, month: number, day: number): string {
  const midnight = Date.UTC(year, month - 1, day);
  const sinceMonday = (new Date(midnight).getUTCDay() + 6) % 7;
  const thursday = new Date(midnight + (3 - sinceMonday) * DAY_MS);
  const dayOfYear = (thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / DAY_MS;
  return `${thursday.getUTCFullYear()}-W${two(Math.floor(dayOfYear / 7) + 1)}`;
}

function readUtc(time: number): WallClock {
  const date = new Date(time);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: date.getUTCHours() };
}

function readerFor(timeZone: string): (time: number) => WallClock {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
  });
  return (time) => {
    const parts = { year: 0, month: 0, day: 0, hour: 0 };
    for (const { type, value } of format.formatToParts(time))
      if (type === "year" || type === "month" || type === "day" || type === "hour") parts[type] = Number(value);
    return parts;
  };
}
