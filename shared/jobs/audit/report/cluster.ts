import { isBelieved, newestGoodOf, retentionFactsIn } from "../../../audit/facts.ts";
import type { ClusterFacts, GoodSnapshot } from "../../../audit/facts.ts";
import { ageText } from "../../../age-text.ts";
import { ageOf } from "../../../audit/rules/rpo.ts";
import type { Labels } from "../../../config/labels.ts";
import type { ClusterConfig } from "../../../config/schema.ts";
import type { ClusterReport } from "../../../contract/report.ts";
import { forecast } from "../../prune/forecast.ts";
import { daysOf } from "./days.ts";
import { exposureOf } from "./exposure.ts";
import { verdictIn } from "./verdict.ts";

interface Settings {
  readonly labels?: Labels;
  /** Undefined for a cluster that the configuration does not know. */
  readonly schedule: ClusterConfig["schedule"] | undefined;
  /** How far ahead storage is reckoned. */
  readonly forecastMs: number;
}

/** What the page says of one cluster. Pure. */
export function clusterReport(facts: ClusterFacts, settings: Settings): ClusterReport {
  const { schedule } = settings;
  const { cluster, now, policy, snapshots, drills, custody } = facts;
  const all = snapshots.known ? snapshots.value : [];
  const believed = all.filter(isBelieved);
  const good = newestGoodOf(facts);
  return {
    name: cluster,
    labels: { ...settings.labels },
    isConfigured: policy !== undefined,
    verdict: verdictIn(facts),
    rpoMs: policy?.rpoMs ?? null,
    schedule: schedule === undefined ? null : scheduleText(schedule),
    good: good === undefined ? null : { id: good.id, takenAt: good.createdAt, ageMs: ageOf(now, good) },
    stored: {
      snapshots: all.length,
      good: believed.filter(isGood).length,
      bytes: believed.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      oldest: all[0]?.slot ?? null,
    },
    database: databaseOf(facts, believed.at(-1)),
    days: daysOf(facts, schedule),
    snapshots: believed
      .toSorted((one, other) => one.createdAt - other.createdAt)
      .map((each) => ({
        at: each.createdAt,
        bytes: each.databaseBytes,
        revision: each.revision,
        tookMs: Math.max(0, each.createdAt - each.startedAt),
        isGood: isGood(each),
      })),
    exposure: exposureOf(facts),
    drills: drills.known
      ? drills.value.map(({ at, ok, tookMs, reason }) => ({ at, ok, restoreMs: ok ? tookMs : null, reason: reason ?? null }))
      : [],
    forecast: forecastOf(facts, settings),
    custody: custody.known
      ? {
          records: custody.value.records,
          head: custody.value.head === undefined ? null : `${custody.value.head.sequence}:${custody.value.head.digest}`,
        }
      : null,
  };
}

function isGood({ lacks }: GoodSnapshot): boolean {
  return lacks.length === 0;
}

function scheduleText(schedule: ClusterConfig["schedule"]): string {
  return "rate" in schedule ? `every ${ageText(schedule.rate)}` : `${schedule.cron} ${schedule.timeZone}`;
}

function databaseOf({ newestGood }: ClusterFacts, newest: GoodSnapshot | undefined): ClusterReport["database"] {
  if (newest === undefined) return null;
  const details = newestGood.known ? newestGood.value : undefined;
  return {
    bytes: newest.databaseBytes,
    revision: newest.revision,
    liveKeys: details?.liveKeys ?? null,
    etcdVersion: details?.etcdVersion ?? null,
    members: details?.members.length ?? null,
  };
}

/** As `lifeboat plan` reckons it; null where nothing says what is to be kept, or nothing is stored to reckon from. */
function forecastOf(facts: ClusterFacts, { schedule, forecastMs }: Settings): ClusterReport["forecast"] {
  const { policy, lineages, snapshots, now } = facts;
  if (policy === undefined || schedule === undefined || !lineages.known || !snapshots.known) return null;
  // More backups than can be gone through.
  if ("rate" in schedule && schedule.rate < LEAST_RATE_MS) return null;
  const { retention, lockMs, keptLockMs } = policy;
  const found = forecast({
    snapshots: retentionFactsIn(facts),
    lineages: lineages.value.links,
    policy: retention,
    schedule,
    now,
    until: now + forecastMs,
    lockMs,
    keptLockMs,
  });
  if (found === undefined) return null;
  return {
    points: found.points.map(({ time, snapshots: count, bytes }) => ({ at: time, snapshots: count, bytes })),
    bytesPerDay: found.growth.bytesPerDay,
    reason: found.growth.reason,
  };
}

/** Some 100,000 backups in a year. */
const LEAST_RATE_MS = 300_000;
