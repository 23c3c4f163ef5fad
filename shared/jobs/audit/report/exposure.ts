import { isBelieved } from "../../../audit/facts.ts";
import type { ClusterFacts } from "../../../audit/facts.ts";
import type { ClusterReport } from "../../../contract/report.ts";
import { parseId } from "../../../documents/slot.ts";

const DAY_MS = 86_400_000;

/**
 * How old the newest good snapshot was at its worst, on each day of UTC since the first that is known: what would have been lost by a disaster then. Of those that are gone the log says when they were taken, to the second of their slot.
 */
export function exposureOf({ snapshots, history, now }: ClusterFacts): ClusterReport["exposure"] {
  if (!history.known) return [];
  const { since, events } = history.value;
  const taken = new Map<string, number>();
  for (const { event, ids } of events) if (event === "verified") for (const id of ids) taken.set(id, parseId(id)?.slot.getTime() ?? 0);
  // What is stored says it better, and whether it is good.
  for (const each of snapshots.known ? snapshots.value : [])
    if (isBelieved(each) && each.lacks.length === 0) taken.set(each.id, each.createdAt);
    else taken.delete(each.id);
  const times = [...taken.values()].filter((time) => time <= now).toSorted((one, other) => one - other);
  const [first] = times;
  if (first === undefined) return [];
  const days: { day: number; worstMs: number }[] = [];
  let next = times.findIndex((time) => time > Math.max(first, since));
  if (next === -1) next = times.length;
  let newest = times[next - 1] ?? first;
  for (let day = Math.floor(Math.max(first, since) / DAY_MS) * DAY_MS; day <= now; day += DAY_MS) {
    const end = Math.min(day + DAY_MS, now);
    let worstMs = 0;
    for (let time = times[next]; time !== undefined && time <= end; time = times[next]) {
      worstMs = Math.max(worstMs, time - newest);
      newest = time;
      next++;
    }
    days.push({ day, worstMs: Math.max(worstMs, end - newest, 0) });
  }
  return days;
}
