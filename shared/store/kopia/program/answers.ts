import { z } from "zod";
import { FEW_TIMES } from "../../../zod-pace.ts";
import type { KopiaSnapshot, KopiaStatus, MaintenanceInfo, MaintenanceRun } from "./kopia.ts";

/**
 * What kopia answers with --json. Fields that are not known are let pass: later versions add some. Sources: snapshot/manifest.go,
 * cli/command_repository_status.go, repo/maintenance/.
 */

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const count = z.number().nonnegative();
/** Go's time.Duration. */
const nanoseconds = z.number().transform((ns) => Math.round(ns / 1e6));
/** Go's zero time stands for none. */
const laterInstant = instant.transform((date) => (date.getUTCFullYear() <= 1 ? undefined : date)).optional();

const TAG = "tag:";

const snapshot = z
  .looseObject({
    id: z.string().regex(/^[0-9a-f]{32}$/),
    source: z.looseObject({ host: z.string(), userName: z.string(), path: z.string() }),
    startTime: instant,
    endTime: instant,
    incomplete: z.string().optional(),
    rootEntry: z.looseObject({
      obj: z.string().min(1),
      summ: z.looseObject({ size: count.default(0), files: count.default(0), numFailed: count.default(0) }).optional(),
    }),
    tags: z.record(z.string(), z.string()).nullish(),
    pins: z.array(z.string()).nullish(),
  })
  .transform(({ id, source, startTime, endTime, incomplete, rootEntry, tags, pins }): KopiaSnapshot => ({
    id,
    source: { userName: source.userName, host: source.host, path: source.path },
    startTime,
    endTime,
    object: rootEntry.obj,
    bytes: rootEntry.summ?.size ?? 0,
    files: rootEntry.summ?.files ?? 0,
    incomplete: incomplete === "" ? undefined : incomplete,
    tags: Object.fromEntries(
      Object.entries(tags ?? {}).map(([name, value]) => [name.startsWith(TAG) ? name.slice(TAG.length) : name, value]),
    ),
    pins: pins ?? [],
  }));

const status = z
  .looseObject({
    uniqueIDHex: z.string().regex(/^[0-9a-f]+$/),
    storage: z.looseObject({ type: z.string() }),
    volume: z.looseObject({ capacity: count, available: count }).nullish(),
    contentFormat: z.looseObject({ hash: z.string(), encryption: z.string() }),
    objectFormat: z.looseObject({ splitter: z.string().default("") }),
    blobRetention: z.looseObject({ retentionMode: z.string().optional(), retentionPeriod: nanoseconds.optional() }).nullish(),
  })
  .transform(({ uniqueIDHex, storage, volume, contentFormat, objectFormat, blobRetention }): KopiaStatus => {
    const mode = blobRetention?.retentionMode ?? "";
    return {
      uniqueId: uniqueIDHex,
      storage: { type: storage.type },
      splitter: objectFormat.splitter,
      hash: contentFormat.hash,
      encryption: contentFormat.encryption,
      volume: volume === null || volume === undefined ? undefined : { capacity: volume.capacity, available: volume.available },
      blobRetention: mode === "" ? undefined : { mode: mode.toLowerCase(), periodMs: blobRetention?.retentionPeriod ?? 0 },
    };
  });

const cycle = z.looseObject({ enabled: z.boolean(), interval: nanoseconds });
const run = z.looseObject({
  start: instant,
  end: instant,
  success: z.boolean().default(false),
  error: z.string().optional(),
  extra: z.array(z.looseObject({ data: z.unknown() })).nullish(),
});

const maintenance = z
  .looseObject({
    owner: z.string(),
    quick: cycle,
    full: cycle,
    extendObjectLocks: z.boolean().default(false),
    schedule: z.looseObject({
      nextFullMaintenance: laterInstant,
      nextQuickMaintenance: laterInstant,
      runs: z.record(z.string(), z.array(run)).nullish(),
    }),
  })
  .transform(({ owner, quick, full, extendObjectLocks, schedule }): MaintenanceInfo => ({
    owner,
    quick: { enabled: quick.enabled, intervalMs: quick.interval },
    full: { enabled: full.enabled, intervalMs: full.interval },
    extendObjectLocks,
    nextQuick: schedule.nextQuickMaintenance,
    nextFull: schedule.nextFullMaintenance,
    runs: Object.entries(schedule.runs ?? {})
      .flatMap(([task, runs]) => runs.map((each) => toRun(task, each)))
      .toSorted((a, b) => b.start.getTime() - a.start.getTime()),
  }));

function toRun(task: string, { start, end, success, error, extra }: z.infer<typeof run>): MaintenanceRun {
  const counts = (extra ?? []).flatMap(({ data }) =>
    typeof data === "object" && data !== null
      ? Object.entries(data).filter((each): each is [string, number] => typeof each[1] === "number")
      : [],
  );
  return { task, start, end, success, error: error === "" ? undefined : error, counts: Object.fromEntries(counts) };
}

/** Each throws zod's error, or JSON's, for what is none of its kind. */
export function parseSnapshot(text: string): KopiaSnapshot {
  return snapshot.parse(JSON.parse(text), FEW_TIMES);
}

export function parseSnapshots(text: string): readonly KopiaSnapshot[] {
  // Go writes null for an empty list in places.
  return z.array(snapshot).nullable().parse(JSON.parse(text)) ?? [];
}

export function parseStatus(text: string): KopiaStatus {
  return status.parse(JSON.parse(text), FEW_TIMES);
}

export function parseMaintenance(text: string): MaintenanceInfo {
  return maintenance.parse(JSON.parse(text), FEW_TIMES);
}

/** `kopia blob stats --raw` knows no JSON. */
export function parseBlobStats(text: string): { readonly count: number; readonly bytes: number } {
  const [, blobs, bytes] = /^Count: (\d+)\nTotal: (\d+)$/m.exec(text) ?? [];
  if (blobs === undefined || bytes === undefined) throw new Error("it has neither a count nor a total");
  return { count: Number(blobs), bytes: Number(bytes) };
}
