import { LifeboatError } from "../errors.ts";
import { parseCron, runsOn } from "./cron.ts";
import type { ClusterConfig } from "./schema.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * When backups of a schedule are due after `after` and up to `until`, ascending, in ms since 1970. A rate counts on from `last`, the last backup. A time that clocks skip is taken an
 * hour later, as EventBridge Scheduler does. Throws `config/invalid` for a line that is no cron line.
 */
export function* dueTimes(
  schedule: ClusterConfig["schedule"],
  { after, last, until }: { readonly after: number; readonly last: number; readonly until: number },
): Generator<number, void, undefined> {
  if ("rate" in schedule) {
    const missed = Math.max(0, Math.floor((after - last) / schedule.rate));
    for (let time = last + (missed + 1) * schedule.rate; time <= until; time += schedule.rate) yield time;
    return;
  }
  const cron = parseCron(schedule.cron);
  if (typeof cron === "string")
    throw new LifeboatError("config/invalid", `the schedule "${schedule.cron}" ${cron}`, {
      hint: 'give five fields, such as "0 2 * * *"',
    });
  const offsetAt = offsetsIn(schedule.timeZone);
  const firstDay = Math.floor((after + offsetAt(after)) / DAY_MS) * DAY_MS;
  for (let day = firstDay; day <= until + DAY_MS; day += DAY_MS) {
    if (!runsOn(cron, new Date(day))) continue;
    for (const time of timesOf(day, cron, offsetAt)) if (time > after && time <= until) yield time;
  }
}

/** The runs of one day by the wall clock, whose midnight `day` has in UTC. */
function timesOf(
  day: number,
  { hours, minutes }: { readonly hours: readonly number[]; readonly minutes: readonly number[] },
  offsetAt: (time: number) => number,
): readonly number[] {
  const walls = hours.flatMap((hour) => minutes.map((minute) => day + (hour * 60 + minute) * MINUTE_MS));
  const [before, after] = [offsetAt(day - offsetAt(day)), offsetAt(day + DAY_MS - offsetAt(day + DAY_MS))];
  // On nearly every day there is one offset, and asking for it takes longer than all the rest.
  if (before === after) return walls.map((wall) => wall - before);
  const times = walls.map((wall) => {
    const [first, second] = [wall - before, wall - after];
    // Of a time that comes twice the first, and of one that does not come what the old offset makes of it.
    return offsetAt(first) === before || offsetAt(second) !== after ? first : second;
  });
  return [...new Set(times)].toSorted((one, other) => one - other);
}

/** To make one takes a millisecond, and a fleet asks for a thousand. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the wall clock of a zone is ahead of UTC at a time, in ms. */
function offsetsIn(timeZone: string): (time: number) => number {
  if (timeZone === "UTC") return () => 0;
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  formats.set(timeZone, format);
  return (time) => {
    const name = format.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign, hours, minutes] = /^GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
    return sign === undefined ? 0 : (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
  };
}
