import { parseDuration } from "../shared/config/durations.ts";
import { LifeboatError } from "../shared/errors.ts";
import { findOrphans, SWEEP_AFTER_MS, sweepOrphans } from "../shared/jobs/orphans.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import type { Orphan } from "../shared/jobs/orphans.ts";
import { readUntil } from "../shared/store/read-until.ts";
import { wire } from "../shared/wire/ports.ts";
import type { Register } from "./command.ts";
import { print, printJson, tell, widthOf } from "./console.ts";
import { formatBytes, formatTable, formatTime } from "./format.ts";
import { requireCluster } from "./require-cluster.ts";

/** `lifeboat orphans`. */
export const registerOrphans: Register = (program, run) => {
  program
    .command("orphans")
    .summary("list what killed runs left, and sweep it")
    .description("List data that no manifest names and uploads that were never finished. Nothing uses them. With --sweep remove them.")
    .argument("[cluster]", "only this cluster's data (unfinished uploads belong to no cluster)")
    .option("--sweep", "remove what is listed")
    .option(
      "--older-than <duration>",
      "only what is older, such as 36h; what is younger may belong to a backup that still runs (default: 1d, or twice the longest total timeout)",
    )
    .addHelpText("after", "\nExample:\n  $ lifeboat orphans --sweep")
    .action((cluster: string | undefined, options: { readonly sweep?: boolean; readonly olderThan?: string }) =>
      run(async (session) => {
        const loaded = await session.loadConfig();
        const longest = Math.max(...Object.values(loaded.config.clusters).map(({ timeouts }) => timeouts.total), 0);
        const olderThanMs = options.olderThan === undefined ? Math.max(SWEEP_AFTER_MS, 2 * longest) : parseDuration(options.olderThan);
        if (olderThanMs === undefined)
          throw new LifeboatError("usage", `--older-than "${options.olderThan}" is not a duration`, { hint: "give one such as 36h or 2d" });
        const ports = await wire(loaded, session.surroundings);
        await requireCluster(session, ports.blobs, cluster);
        const { signal } = session.console;
        const { orphans, unclear } = await findOrphans({ ...ports, blobs: readUntil(ports.blobs, signal) }, { cluster, olderThanMs });
        const swept = new Set<Orphan>();
        if (options.sweep === true) await sweepOrphans(ports, orphans, (orphan) => swept.add(orphan), signal);
        if (session.json) {
          printJson(session.console, "orphans", { orphans: orphans.map((each) => toJson(each, swept.has(each))), unclear });
        } else if (orphans.length === 0) {
          print(session.console, "no orphans");
        } else {
          const rows = orphans.map((each) => [
            each.kind === "data" ? each.key : `upload ${each.id}`,
            formatBytes(each.bytes),
            formatTime(each.modified),
            swept.has(each) ? "swept" : "left",
            each.reason,
          ]);
          print(session.console, formatTable(["ORPHAN", "SIZE", "SINCE", "", "WHY"], rows, { width: widthOf(session.console.stdout) }));
        }
        for (const { key, reason } of unclear) tell(session.console, `warning: ${key} is left alone, since it may be needed: ${reason}`);
        return unclear.length > 0 ? 6 : 0;
      }),
    );
};

function toJson(orphan: Orphan, swept: boolean): JsonDocument<"orphans">["orphans"][number] {
  const { bytes, modified, reason } = orphan;
  const of =
    orphan.kind === "data"
      ? { kind: orphan.kind, key: orphan.key, cluster: orphan.cluster, id: null }
      : { kind: orphan.kind, key: null, cluster: null, id: orphan.id };
  return { ...of, bytes, modified: modified.toISOString(), reason, swept };
}
