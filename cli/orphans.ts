import { parseDuration } from "../shared/config/durations.ts";
import { LifeboatError } from "../shared/errors.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { findOrphans } from "../shared/jobs/orphans/find.ts";
import type { Orphan, OrphanedData } from "../shared/jobs/orphans/find.ts";
import { sweepOrphans } from "../shared/jobs/orphans/sweep.ts";
import type { BlobLock } from "../shared/store/blob-store.ts";
import { readUntil } from "../shared/store/read-until.ts";
import { wire } from "../shared/wire/ports.ts";
import { orphansAfterMs } from "../shared/wire/prune-policy.ts";
import type { Register } from "./command.ts";
import { print, printJson, note, widthOf } from "./console.ts";
import { formatBytes, formatTable, formatTime } from "./format.ts";
import { requireCluster } from "./require-cluster.ts";

/** `lifeboat orphans`. */
export const registerOrphans: Register = (program, run) => {
  program
    .command("orphans")
    .summary("list data that killed runs left behind, and remove it")
    .description("List data that no manifest names, and uploads that were never finished. Nothing uses them. With --sweep, remove them.")
    .argument("[cluster]", "only this cluster's data (unfinished uploads belong to no cluster)")
    .option("--sweep", "remove what is listed, in all its versions; locked objects stay and are listed")
    .option(
      "--older-than <duration>",
      "only what is older than this, such as 36h; younger data may belong to a backup that is still running (default: 1d, or twice the longest total timeout)",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat orphans --sweep")
    .action((cluster: string | undefined, options: { readonly sweep?: boolean; readonly olderThan?: string }) =>
      run(async (session) => {
        const loaded = await session.loadConfig();
        const olderThanMs = options.olderThan === undefined ? orphansAfterMs(loaded) : parseDuration(options.olderThan);
        if (olderThanMs === undefined)
          throw new LifeboatError("usage", `--older-than "${options.olderThan}" is not a duration`, { hint: "give one such as 36h or 2d" });
        const ports = await wire(loaded, session.surroundings);
        await requireCluster(session, ports.blobs, cluster);
        const { signal } = session.console;
        const { orphans, unclear } = await findOrphans({ ...ports, blobs: readUntil(ports.blobs, signal) }, { cluster, olderThanMs });
        const swept = new Set<Orphan>();
        const locks = new Map<Orphan, BlobLock>(
          orphans.flatMap((each) => (each.kind === "data" && each.lock !== undefined ? [[each, each.lock]] : [])),
        );
        const kept: { readonly key: string; readonly lock: BlobLock }[] = [];
        if (options.sweep === true) {
          const on = {
            swept: (orphan: Orphan) => void swept.add(orphan),
            locked: (orphan: OrphanedData, lock: BlobLock) => {
              locks.set(orphan, lock);
              kept.push({ key: orphan.key, lock });
            },
          };
          await sweepOrphans(ports, orphans, on, signal);
        }
        if (session.json) {
          printJson(session.console, "orphans", {
            orphans: orphans.map((each) => toJson(each, swept.has(each), locks.get(each))),
            unclear,
          });
        } else if (orphans.length === 0) {
          print(session.console, "no orphans");
        } else {
          const rows = orphans.map((each) => [
            each.kind === "data" ? each.key : `upload ${each.id}`,
            formatBytes(each.bytes),
            formatTime(each.modified),
            swept.has(each) ? "swept" : describeState(locks.get(each)),
            each.reason,
          ]);
          print(session.console, formatTable(["ORPHAN", "SIZE", "SINCE", "", "WHY"], rows, { width: widthOf(session.console.stdout) }));
        }
        for (const { key, reason } of unclear) note(session.console, `warning: ${key} was kept, since it may be needed: ${reason}`);
        for (const { key, lock } of kept) note(session.console, `warning: ${key} was not removed: it is ${describeLock(lock)}`);
        return unclear.length > 0 || kept.length > 0 ? 6 : 0;
      }),
    );
};

function describeState(lock: BlobLock | undefined): string {
  return lock === undefined ? "left" : describeLock(lock);
}

function describeLock({ until, legalHold }: BlobLock): string {
  if (legalHold) return "on legal hold";
  return until === undefined ? "locked" : `locked until ${formatTime(until)}`;
}

function toJson(orphan: Orphan, swept: boolean, lock: BlobLock | undefined): JsonDocument<"orphans">["orphans"][number] {
  const { bytes, modified, reason } = orphan;
  const of =
    orphan.kind === "data"
      ? { kind: orphan.kind, key: orphan.key, cluster: orphan.cluster, id: null, versions: orphan.versions.length }
      : { kind: orphan.kind, key: null, cluster: null, id: orphan.id, versions: null };
  return {
    ...of,
    bytes,
    modified: modified.toISOString(),
    reason,
    swept,
    locked: lock !== undefined,
    lockedUntil: lock?.until?.toISOString() ?? null,
    legalHold: lock?.legalHold === true,
  };
}
