import { createHash } from "node:crypto";
import { dueTimes } from "./due-times.ts";
import type { ClusterConfig } from "./schema.ts";
import { CRON_WINDOW_MS } from "../fleet/pace.ts";

/** When the clusters of a fleet are due. Pure: it keeps no memory, so whoever asks for the same time has the same answer. */

/** What is asked for: from just after `after` up to and with `until`, in ms since 1970. */
export interface Tick {
  readonly after: number;
  readonly until: number;
}

type Times = Pick<ClusterConfig, "schedule"> & { readonly service: Pick<ClusterConfig["service"], "flexibleWindow"> };

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * The slots of `cluster` whose backups start in `tick`. A cron line's slots are its times, and the start is later by the cluster's own part of the window (`service.flexibleWindow`, half an hour without it), always the same one, so that no gap grows. A rate
 * has no time of day: its slots are those starts themselves, spread over the rate, or over the window where that is shorter. Throws `config/invalid` for a cron line that is none.
 */
export function slotsIn(cluster: string, { schedule, service }: Times, tick: Tick): readonly Date[] {
  const { flexibleWindow } = service;
  if ("rate" in schedule) {
    const offset = offsetMs(cluster, Math.min(schedule.rate, flexibleWindow ?? schedule.rate));
    return timesIn(schedule, tick, offset).map((time) => new Date(time + offset));
  }
  return timesIn(schedule, tick, offsetMs(cluster, flexibleWindow ?? CRON_WINDOW_MS)).map((time) => new Date(time));
}

/** A cluster of the list with its settings. */
export interface ListedTimes {
  readonly cluster: string;
  readonly settings: Times & Pick<ClusterConfig, "drill">;
}

/** Whom a round has work for in `tick`, in order, once for each slot. */
export function dueIn(
  clusters: readonly ListedTimes[],
  round: "backup" | "keep" | "drill",
  tick: Tick,
): readonly { readonly cluster: string; readonly slot?: string }[] {
  if (round === "backup")
    return clusters.flatMap(({ cluster, settings }) =>
      slotsIn(cluster, settings, tick).map((slot) => ({ cluster, slot: slot.toISOString() })),
    );
  return clusters
    .filter(({ cluster, settings }) => (round === "keep" || settings.drill.every !== undefined) && isDailyIn(cluster, tick))
    .map(({ cluster }) => ({ cluster }));
}

/** Whether what `cluster` has once a day is due in `tick`. */
export function isDailyIn(cluster: string, tick: Tick): boolean {
  return timesIn({ rate: DAY_MS }, tick, offsetMs(cluster, DAY_MS)).length > 0;
}

/** The part of a window that is a cluster's own: whole minutes, by the hash of its name, evenly spread over many names. */
export function offsetMs(cluster: string, windowMs: number): number {
  const minutes = Math.floor(windowMs / MINUTE_MS);
  if (minutes < 2) return 0;
  return (createHash("sha256").update(cluster).digest().readUInt32BE() % minutes) * MINUTE_MS;
}

/** Rates count from 1970, so that nobody has to know when the last backup was. */
function timesIn(schedule: ClusterConfig["schedule"], { after, until }: Tick, offset: number): readonly number[] {
  return [...dueTimes(schedule, { after: after - offset, last: 0, until: until - offset })];
}
