/**
 * A cron line of five fields (minute, hour, day of the month, month, day of the week) as crontab(5) has it: lists, ranges, steps, names of months and days, 0 and 7
 * for Sunday. What vixie's cron adds (`@daily`) and what AWS adds (`L`, `W`, `#`) is no part of it.
 */
export interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** Undefined where the field is `*`. */
  readonly days: readonly number[] | undefined;
  readonly months: readonly number[];
  /** 0 is Sunday. Undefined where the field is `*`. */
  readonly weekdays: readonly number[] | undefined;
}

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly names?: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MINUTE: Field = { name: "minute", from: 0, to: 59 };
const HOUR: Field = { name: "hour", from: 0, to: 23 };
const DAY: Field = { name: "day of the month", from: 1, to: 31 };
const MONTH: Field = { name: "month", from: 1, to: 12, names: MONTHS };
const FIELDS: readonly Field[] = [MINUTE, HOUR, DAY, MONTH, { name: "day of the week", from: 0, to: 7, names: WEEKDAYS }];

/** Reads a cron line. A text in place of it says what is wrong. */
export function parseCron(line: string): Cron | string {
  const texts = line.trim().split(/\s+/);
  if (texts.length !== 5) return `has ${texts.length} fields in place of five: minute, hour, day of the month, month, day of the week`;
  const [minutes = [], hours = [], days = [], months = [], weekdays = []] = FIELDS.map((field, index) =>
    parseField(texts[index] ?? "", field),
  );
  for (const field of [minutes, hours, days, months, weekdays]) if (typeof field === "string") return field;
  const numbers = (field: readonly number[] | string): readonly number[] => (typeof field === "string" ? [] : field);
  return {
    minutes: numbers(minutes),
    hours: numbers(hours),
    days: texts[2] === "*" ? undefined : numbers(days),
    months: numbers(months),
    weekdays: texts[4] === "*" ? undefined : ascending(numbers(weekdays).map((each) => each % 7)),
  };
}

/** The field's values, ascending, or what is wrong with it. */
function parseField(text: string, field: Field): readonly number[] | string {
  const values: number[] = [];
  for (const part of text.split(",")) {
    const match = /^(?:(\*)|([a-z]+|\d+)(?:-([a-z]+|\d+))?)(?:\/(\d+))?$/.exec(part.toLowerCase());
    if (match === null) return `"${part}" is no ${field.name}`;
    const [, star, first = "", last, step = "1"] = match;
    const from = star === undefined ? valueOf(first, field) : field.from;
    // A step without an end goes on to the end: 5/15 as well as */15.
    const open = star !== undefined || (match[4] !== undefined && last === undefined);
    const to = open ? field.to : valueOf(last ?? first, field);
    if (from === undefined || to === undefined || from > to || Number(step) === 0) return `"${part}" is no ${field.name}`;
    for (let value = from; value <= to; value += Number(step)) values.push(value);
  }
  return ascending(values);
}

function valueOf(text: string, { from, to, names }: Field): number | undefined {
  const named = names?.indexOf(text) ?? -1;
  const value = named === -1 ? Number(text) : named + from;
  return Number.isInteger(value) && value >= from && value <= to ? value : undefined;
}

function ascending(values: readonly number[]): readonly number[] {
  return [...new Set(values)].toSorted((one, other) => one - other);
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** In 28 years each date falls on each day of the week, leap days too. */
const DAYS_LOOKED_AT = 28 * 366;

/** The longest time between two runs, by the calendar in UTC; undefined where it never runs (30 February). */
export function longestGapMs(cron: Cron): number | undefined {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * 60 + minute));
  const first = (times[0] ?? 0) * MINUTE_MS;
  const last = (times.at(-1) ?? 0) * MINUTE_MS;
  let gap = Math.max(0, ...times.slice(1).map((time, index) => (time - (times[index] ?? 0)) * MINUTE_MS));
  let previous: number | undefined;
  for (let day = 0; day < DAYS_LOOKED_AT; day++) {
    const start = day * DAY_MS;
    if (!runsOn(cron, new Date(start))) continue;
    if (previous !== undefined) gap = Math.max(gap, start + first - previous);
    previous = start + last;
  }
  return previous === undefined ? undefined : gap;
}

/** Whether the line has a run on a day, which `date` has in UTC. */
export function runsOn({ days, months, weekdays }: Cron, date: Date): boolean {
  if (!months.includes(date.getUTCMonth() + 1)) return false;
  const byDay = days?.includes(date.getUTCDate());
  const byWeekday = weekdays?.includes(date.getUTCDay());
  // crontab(5): where both are restricted, either will do.
  return byDay === undefined || byWeekday === undefined ? (byDay ?? byWeekday ?? true) : byDay || byWeekday;
}

/**
 * The line as EventBridge Scheduler takes it, with a year, `?` for the day that is not restricted, and names for days of the week (it counts them from 1). A text in
 * place of it says why it takes none. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
 */
export function toAwsCron(cron: Cron): { readonly expression: string } | string {
  const { days, weekdays } = cron;
  if (days !== undefined && weekdays !== undefined)
    return "restricts the day of the month and the day of the week, and AWS takes one of them";
  const dayFields =
    weekdays === undefined
      ? `${days === undefined ? "*" : write(days, DAY)} MONTH ?`
      : `? MONTH ${weekdays.map((day) => WEEKDAYS[day]?.toUpperCase()).join(",")}`;
  const fields = `${write(cron.minutes, MINUTE)} ${write(cron.hours, HOUR)} ${dayFields.replace("MONTH", write(cron.months, MONTH))} *`;
  return { expression: `cron(${fields})` };
}

/** Runs of three and more as ranges. */
function write(values: readonly number[], { from, to }: Field): string {
  if (values.length === to - from + 1) return "*";
  const runs: number[][] = [];
  for (const value of values) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === value - 1) run.push(value);
    else runs.push([value]);
  }
  return runs.map((run) => (run.length < 3 ? run.join(",") : `${run[0]}-${run.at(-1)}`)).join(",");
}
