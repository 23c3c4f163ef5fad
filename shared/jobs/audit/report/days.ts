import type { ClusterFacts, EventFact } from "../../../audit/facts.ts";
import { isBelieved } from "../../../audit/facts.ts";
import { dueTimes } from "../../../config/due-times.ts";
import type { ClusterConfig } from "../../../config/schema.ts";
import type { DayTally } from "../../../contract/report.ts";
import { parseId } from "../../../documents/slot.ts";

const DAY_MS = 86_400_000;

type State = Exclude<keyof DayTally, "day">;

/** A backup that was tried, or one that was due and was not. */
interface Run {
  readonly time: number;
  readonly state: State;
}

/**
 * What became of the backups of each day of UTC, as far back as the custody log was read, oldest first and without gaps: also of those that are gone. One that is gone was good if somebody countersigned it. Where there is a schedule, what was
 * due and never tried is missed. Empty where the log could not be read or tells of no backup.
 */
export function daysOf({ history, snapshots, now }: ClusterFacts, schedule: ClusterConfig["schedule"] | undefined): readonly DayTally[] {
  if (!history.known) return [];
  const { events } = history.value;
  const stored = new Map(snapshots.known ? snapshots.value.map((each) => [each.id, isBelieved(each) && each.lacks.length === 0]) : []);
  const runs = [...stored]
    .flatMap(([id, isGood]): Run[] => {
      const time = timeOf(id);
      return time < history.value.since ? [] : [{ time, state: isGood ? "good" : "unproven" }];
    })
    .concat(goneIn(events, stored), failedIn(events))
    .toSorted((one, other) => one.time - other.time);
  const [first] = runs;
  if (first === undefined) return [];
  return tally([...runs, ...(schedule === undefined ? [] : missedIn(runs, schedule, now))], first.time, now);
}

function timeOf(id: string): number {
  return parseId(id)?.slot.getTime() ?? Number.NaN;
}

/** Snapshots that were there and are not. One that was announced and never came is neither: its run failed, or died and is missed. */
function goneIn(events: readonly EventFact[], stored: ReadonlyMap<string, boolean>): readonly Run[] {
  const idsOf = (event: string): Set<string> => new Set(events.flatMap((each) => (each.event === event ? each.ids : [])));
  const [verified, removed] = [idsOf("verified"), idsOf("removed")];
  return [...idsOf("backup")].flatMap((id): Run[] =>
    stored.has(id) || !(verified.has(id) || removed.has(id)) ? [] : [{ time: timeOf(id), state: verified.has(id) ? "good" : "unproven" }],
  );
}

/** Runs of who backs up: a verification that failed leaves an unproven snapshot. */
function failedIn(events: readonly EventFact[]): readonly Run[] {
  return events.flatMap(({ event, by, time }): Run[] =>
    (event === "failed" || event === "skipped") && by === "snapshot" ? [{ time, state: "failed" }] : [],
  );
}

/** How much later than it was due a run may begin. */
const LATE_MS = 1_800_000;
/** A clock may be a little behind. */
const EARLY_MS = 60_000;

/** Of a rate each interval between runs that is half as long again as it should be; of a cron line each time to which nothing was tried until the next. `runs` are in order. */
function missedIn(runs: readonly Run[], schedule: ClusterConfig["schedule"], now: number): readonly Run[] {
  const times = runs.map(({ time }) => time);
  const [first = now] = times;
  if ("rate" in schedule) {
    const { rate } = schedule;
    const missed = (before: number, count: number): readonly Run[] =>
      Array.from({ length: Math.max(0, count) }, (_, index) => ({ time: before + (index + 1) * rate, state: "missed" }));
    const between = times.flatMap((time, index) =>
      missed(times[index - 1] ?? time, Math.round((time - (times[index - 1] ?? time)) / rate) - 1),
    );
    const last = times.at(-1) ?? now;
    // The one that is due now may still come.
    return [...between, ...missed(last, Math.floor((now - last) / rate - 0.5))];
  }
  const due = [...dueTimes(schedule, { after: first, last: first, until: now - LATE_MS })];
  let next = 0;
  return due.flatMap((time, index): Run[] => {
    const end = (due[index + 1] ?? Infinity) - EARLY_MS;
    while ((times[next] ?? Infinity) < time - EARLY_MS) next++;
    return (times[next] ?? Infinity) < end ? [] : [{ time, state: "missed" }];
  });
}

function tally(runs: readonly Run[], from: number, now: number): readonly DayTally[] {
  const byDay = Map.groupBy(runs, ({ time }) => Math.floor(time / DAY_MS));
  const [first, last] = [Math.floor(from / DAY_MS), Math.floor(now / DAY_MS)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => {
    const own = byDay.get(first + index) ?? [];
    const count = (state: State): number => own.filter((run) => run.state === state).length;
    return {
      day: (first + index) * DAY_MS,
      good: count("good"),
      unproven: count("unproven"),
      failed: count("failed"),
      missed: count("missed"),
    };
  });
}
