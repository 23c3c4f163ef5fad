import { ageText } from "../shared/age-text.ts";
import { labelsOf, labelsText } from "../shared/config/labels.ts";
import type { Labels } from "../shared/config/labels.ts";
import type { JsonDocument } from "../shared/contract/documents.ts";
import { readFleet } from "../shared/jobs/fleet.ts";
import type { FleetCluster, FleetSnapshot, StoredFleet } from "../shared/jobs/fleet.ts";
import { listClusters } from "../shared/vault/catalog.ts";
import type { JudgePorts } from "../shared/vault/judge.ts";
import type { Session } from "./command.ts";
import { note, print, printJson, widthOf } from "./console.ts";
import type { ExitCode } from "./exit-codes.ts";
import { formatBytes, formatTable, formatTime, printable } from "./format.ts";

type FleetDocument = JsonDocument<"lsFleet">;

/** `lifeboat ls --fleet`: one line a cluster, of the configuration and of the store, or of some. */
export async function listFleet(session: Session, ports: JudgePorts, clusters: readonly string[] | undefined): Promise<ExitCode> {
  const { console } = session;
  const { config } = await session.loadConfig();
  const fleet: FleetCluster[] = [];
  for await (const each of readFleet(ports, clusters ?? (await allClusters(session, ports)))) fleet.push(each);
  const labels = fleet.map((each) => labelsOf(config, each.cluster));
  if (session.json) printJson(console, "lsFleet", { clusters: fleet.map((each, index) => toJson(each, labels[index] ?? {})) });
  else if (fleet.length > 0) print(console, table(fleet.map(toRow), labels.map(labelsText), widthOf(console.stdout)));
  else note(console, `there are no clusters, neither in the configuration nor in ${ports.blobs.location}`);
  for (const each of fleet) for (const line of warningsOf(each)) note(console, `warning: ${each.cluster}: ${printable(line)}`);
  return fleet.every(({ hint }) => hint === "ok") ? 0 : 6;
}

/** Those of the configuration and those of the store, by name. */
export async function allClusters(session: Session, { blobs }: Pick<JudgePorts, "blobs">): Promise<readonly string[]> {
  const { config } = await session.loadConfig();
  return [...new Set([...Object.keys(config.clusters), ...(await listClusters(blobs))])].toSorted();
}

/** With a column of labels, where any cluster has some. */
function table(rows: readonly string[][], labels: readonly string[], width: number | undefined): string {
  const dispensable = ["LINEAGE", "DRILL", "STORED", "RPO", "LABELS"];
  if (labels.every((text) => text === "")) return formatTable(HEAD, rows, { width, dispensable });
  const withLabels = rows.map(([cluster = "", ...rest], index) => [cluster, labels[index] ?? "", ...rest]);
  const [first, ...others] = HEAD;
  return formatTable([first, "LABELS", ...others], withLabels, { width, dispensable });
}

const HEAD = ["CLUSTER", "NEWEST GOOD", "AGE", "RPO", "GOOD", "STORED", "LINEAGE", "DRILL", "STATUS"] as const;

/** A fleet's lines are for a glance: `lifeboat ls CLUSTER` tells of each manifest. */
const MOST_WARNINGS = 3;

function warningsOf({ problems }: FleetCluster): readonly string[] {
  const more = problems.length - MOST_WARNINGS;
  return more > 1 ? [...problems.slice(0, MOST_WARNINGS), `and ${more} more, which --json shows`] : problems;
}

function toRow({ cluster, rpoMs, stored, hint }: FleetCluster): string[] {
  const rpo = rpoMs === undefined ? "" : ageText(rpoMs);
  if (stored === undefined) return [cluster, "", "", rpo, "", "", "", "", hint];
  const { newestGood, good, snapshots, storedBytes, lineage, attention, drill } = stored;
  return [
    cluster,
    newestGood?.id ?? "",
    newestGood === undefined ? "" : ageText(newestGood.ageMs),
    rpo,
    `${good}/${snapshots}`,
    formatBytes(storedBytes),
    `${lineage ?? ""}${attention === undefined ? "" : "!"}`,
    drill === undefined ? "" : `${formatTime(drill.at).slice(0, 10)}${drill.failed ? " failed" : ""}`,
    hint,
  ];
}

function toJson({ cluster, rpoMs, stored, hint, problems }: FleetCluster, labels: Labels): FleetDocument["clusters"][number] {
  const rpoSeconds = rpoMs === undefined ? null : Math.round(rpoMs / 1000);
  return { cluster, labels, hint, problems, rpoSeconds, stored: stored === undefined ? null : storedJson(stored) };
}

function storedJson({
  newestGood,
  newest,
  lineage,
  attention,
  drill,
  ...counts
}: StoredFleet): NonNullable<FleetDocument["clusters"][number]["stored"]> {
  return {
    ...counts,
    newestGood: newestGood === undefined ? null : { ...snapshotJson(newestGood), ageSeconds: Math.floor(newestGood.ageMs / 1000) },
    newest: newest === undefined ? null : snapshotJson(newest),
    lineage: lineage ?? null,
    lineageAttention: attention ?? null,
    drill: drill ?? null,
  };
}

function snapshotJson({ id, startedAt, createdAt, databaseBytes, storedBytes, revision, lineage }: FleetSnapshot): FleetSnapshot {
  return { id, startedAt, createdAt, databaseBytes, storedBytes, revision, lineage };
}
