import { dueTimes } from "../../config/due-times.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { idOfSlot } from "../../documents/slot.ts";
import { decide } from "../../retention/decide.ts";
import type { LineageFacts, SnapshotFacts } from "../../retention/facts.ts";
import type { RetentionPolicy } from "../../retention/policy.ts";
import { growthOf } from "./growth.ts";
import type { Growth } from "./growth.ts";

export interface ForecastInput {
  readonly snapshots: readonly SnapshotFacts[];
  readonly lineages: readonly LineageFacts[];
  readonly policy: RetentionPolicy;
  readonly schedule: ClusterConfig["schedule"];
  /** In ms since 1970. */
  readonly now: number;
  readonly until: number;
  /** For how long the store locks what is put, in ms; undefined where it does not. */
  readonly lockMs?: number | undefined;
  /** For how long what is kept stays locked, renewed at half of it; undefined where locks are not renewed. */
  readonly keptLockMs?: number | undefined;
}

export const STEPS = ["day", "week", "month"] as const;
export type Step = (typeof STEPS)[number];

/** What is stored at a time, after retention was applied. */
export interface ForecastPoint {
  /** In ms since 1970. */
  readonly time: number;
  readonly snapshots: number;
  readonly bytes: number;
  /** Since the point before: how many backups were taken, and how many snapshots went. */
  readonly added: number;
  readonly removed: number;
}

export interface Forecast {
  readonly step: Step;
  /** The first is now, before anything is removed; the last is `until`. */
  readonly points: readonly ForecastPoint[];
  /** How large the coming backups are taken to be. */
  readonly growth: Growth;
  /** How many backups come until then. */
  readonly backups: number;
}

const DAY_MS = 86_400_000;

/** More backups than this are not gone through: 10 years of one an hour are 88,000, and take seconds. */
export const MOST_BACKUPS = 200_000;

/**
 * What a cluster will have in its store, if its backups come as scheduled and all are good, and what its policy lets go goes each day. Undefined where nothing is stored to take the size from. Pure.
 * Throws `config/invalid` where the schedule cannot be read; RangeError above MOST_BACKUPS.
 */
export function forecast(input: ForecastInput): Forecast | undefined {
  const { snapshots, lineages, now, until } = input;
  const growth = growthOf(snapshots);
  if (growth === undefined) return undefined;
  const lineage = Math.max(...lineages.map(({ number }) => number), 1);
  const known = lineages.length === 0 ? [{ number: lineage, frozen: false }] : lineages;
  const last = Math.max(...snapshots.map(({ time }) => time).filter((time) => time <= now), growth.since);
  const span = { after: now, last, until };
  const backups = countOf(dueTimes(input.schedule, span));
  const due = dueTimes(input.schedule, span);
  const step = stepFor(until - now);
  let kept = snapshots;
  let next = due.next();
  let [added, removed] = [0, 0];
  const points = [pointOf(now, kept, 0, 0)];
  for (const end of daysUntil(now, until, step)) {
    const coming: SnapshotFacts[] = [];
    for (; next.done !== true && next.value <= end.time; next = due.next())
      coming.push(comingSnapshot(next.value, lineage, growth, input.lockMs));
    const before = [...kept, ...coming];
    kept = keptAt(end.time, before, known, input);
    added += coming.length;
    removed += before.length - kept.length;
    if (!end.isPoint) continue;
    points.push(pointOf(end.time, kept, added, removed));
    [added, removed] = [0, 0];
  }
  return { step, points, growth, backups };
}

function countOf(times: Iterable<number>): number {
  let count = 0;
  for (const _ of times) if (++count > MOST_BACKUPS) throw new RangeError(`more than ${MOST_BACKUPS} backups`);
  return count;
}

function stepFor(ms: number): Step {
  if (ms <= 31 * DAY_MS) return "day";
  return ms <= 26 * 7 * DAY_MS ? "week" : "month";
}

/** The end of each day, counted from now, and whether it is shown: of months those on which one begins, in UTC. */
function* daysUntil(now: number, until: number, step: Step): Generator<{ readonly time: number; readonly isPoint: boolean }> {
  for (let day = 1, time = now; time < until; day++) {
    const before = new Date(time);
    time = Math.min(until, now + day * DAY_MS);
    const isPoint =
      time === until || step === "day" || (step === "week" ? day % 7 === 0 : before.getUTCMonth() !== new Date(time).getUTCMonth());
    yield { time, isPoint };
  }
}

function comingSnapshot(time: number, lineage: number, { bytes, bytesPerDay, since }: Growth, lockMs: number | undefined): SnapshotFacts {
  // A slot is a whole second.
  const slot = Math.floor(time / 1000) * 1000;
  return {
    id: idOfSlot(new Date(slot)),
    time: slot,
    lineage,
    good: true,
    lacks: [],
    bytes: Math.round(bytes + (bytesPerDay * Math.max(0, slot - since)) / DAY_MS),
    pinned: undefined,
    lockedUntil: lockMs === undefined ? undefined : slot + lockMs,
    unknown: [],
  };
}

function keptAt(
  now: number,
  snapshots: readonly SnapshotFacts[],
  lineages: readonly LineageFacts[],
  { policy, keptLockMs }: ForecastInput,
): readonly SnapshotFacts[] {
  const verdicts = new Map(decide({ snapshots, lineages, policy, now }).map(({ id, verdict, reasons }) => [id, { verdict, reasons }]));
  return snapshots.flatMap((snapshot) => {
    const decision = verdicts.get(snapshot.id);
    if (decision?.verdict !== "keep") return [];
    // What only its lock keeps is not locked anew.
    const isRenewed =
      keptLockMs !== undefined &&
      decision.reasons.some(({ code }) => code !== "locked") &&
      (snapshot.lockedUntil ?? 0) - now < keptLockMs / 2;
    return isRenewed ? [{ ...snapshot, lockedUntil: now + keptLockMs }] : [snapshot];
  });
}

function pointOf(time: number, snapshots: readonly SnapshotFacts[], added: number, removed: number): ForecastPoint {
  const bytes = snapshots.reduce((sum, each) => sum + (each.bytes ?? 0), 0);
  return { time, snapshots: snapshots.length, bytes, added, removed };
}
