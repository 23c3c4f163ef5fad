import { ageText } from "../../age-text.ts";
import type { ClusterFacts, EventFact } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { nameSome } from "../about-many.ts";
import { isTooOld } from "./rpo.ts";

/** One failure is what the next run mends. */
const MANY_FAILURES = 2;

/** What the custody log tells of the last days: gaps between good snapshots, also of those that are gone since, and failures in a row. */
export function judgeHistory({ cluster, policy, history }: Pick<ClusterFacts, "cluster" | "policy" | "history">): readonly Finding[] {
  if (!history.known || policy === undefined) return [];
  const { events } = history.value;
  return [...judgeGaps(cluster, policy.rpoMs, events), ...judgeFailures(cluster, events)];
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

/** Between backups that came to be countersigned; that which lasts still is told by the age of the newest good one. */
export function gapsIn(events: readonly EventFact[], rpoMs: number): readonly Gap[] {
  const verified = new Set(events.flatMap(({ event, ids }) => (event === "verified" ? ids : [])));
  const times = events.flatMap(({ event, ids, time }) => (event === "backup" && ids.some((id) => verified.has(id)) ? [time] : []));
  const gaps: Gap[] = [];
  for (const [index, to] of times.entries()) {
    const from = times[index - 1];
    if (from !== undefined && isTooOld(to - from, rpoMs)) gaps.push({ from, to });
  }
  return gaps;
}

function judgeGaps(cluster: string, rpoMs: number, events: readonly EventFact[]): readonly Finding[] {
  const gaps = gapsIn(events, rpoMs).toSorted((one, other) => other.to - other.from - (one.to - one.from));
  const [longest] = gaps;
  if (longest === undefined) return [];
  const times = gaps.map(({ from, to }) => `${instant(from)} to ${instant(to)} (${ageText(to - from)})`);
  return [
    found("rpo/gap", {
      cluster,
      subject: cluster,
      message: `${gaps.length === 1 ? "once" : `${gaps.length} times`} good snapshots were further apart than the rpo of ${ageText(rpoMs)}, by ${ageText(longest.to - longest.from)} at most`,
      evidence: [nameSome(times)],
      fix: `lifeboat custody ${cluster} shows what failed or did not run then`,
    }),
  ];
}

function judgeFailures(cluster: string, events: readonly EventFact[]): readonly Finding[] {
  const runs = events.filter(({ event, by }) => by === "snapshot" && (event === "backup" || event === "failed"));
  const failures = runs.slice(runs.findLastIndex(({ event }) => event === "backup") + 1);
  const last = failures.at(-1);
  if (last === undefined || failures.length < MANY_FAILURES) return [];
  return [
    found("backup/failing", {
      cluster,
      subject: cluster,
      message: `the last ${failures.length} backups failed`,
      evidence: [`the last at ${instant(last.time)}${last.reason === undefined ? "" : `: ${last.reason}`}`],
      fix: `lifeboat preflight ${cluster} says what is in the way`,
    }),
  ];
}

/** `2026-11-21 10:00Z`. */
function instant(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")}Z`;
}
