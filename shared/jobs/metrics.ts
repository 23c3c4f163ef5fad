import type { Labels } from "../config/labels.ts";
import type { FleetCluster, StoredFleet } from "./fleet.ts";

/** A gauge: https://prometheus.io/docs/practices/naming/ (base units, no unit twice, states as numbers). */
interface Gauge {
  readonly name: string;
  readonly help: string;
  /** Undefined: there is no such sample, rather than a 0 that says otherwise. */
  readonly valueOf: (cluster: FleetCluster) => number | undefined;
}

const ofStored =
  (value: (stored: StoredFleet) => number | undefined): Gauge["valueOf"] =>
  ({ stored }) =>
    stored === undefined ? undefined : value(stored);

const seconds = (time: string | undefined): number | undefined => (time === undefined ? undefined : Date.parse(time) / 1000);

const GAUGES: readonly Gauge[] = [
  {
    name: "lifeboat_cluster_readable",
    help: "Whether what the store has of the cluster could be read.",
    valueOf: ({ stored }) => Number(stored !== undefined),
  },
  {
    name: "lifeboat_cluster_configured",
    help: "Whether the configuration has the cluster.",
    valueOf: ({ rpoMs }) => Number(rpoMs !== undefined),
  },
  {
    name: "lifeboat_rpo_seconds",
    help: "How old the newest good snapshot of the cluster may be.",
    valueOf: ({ rpoMs }) => (rpoMs === undefined ? undefined : rpoMs / 1000),
  },
  {
    name: "lifeboat_problems",
    help: "What is wrong with the cluster: lifeboat ls --fleet tells each.",
    valueOf: ({ problems }) => problems.length,
  },
  { name: "lifeboat_snapshots", help: "Snapshots that are stored.", valueOf: ofStored(({ snapshots }) => snapshots) },
  {
    name: "lifeboat_good_snapshots",
    help: "Snapshots that are good: countersigned, proven, not in quarantine.",
    valueOf: ofStored(({ good }) => good),
  },
  {
    name: "lifeboat_unverified_snapshots",
    help: "Snapshots without a countersignature.",
    valueOf: ofStored(({ notVerified }) => notVerified),
  },
  { name: "lifeboat_quarantined_snapshots", help: "Snapshots in quarantine.", valueOf: ofStored(({ quarantined }) => quarantined) },
  {
    name: "lifeboat_unbelieved_snapshots",
    help: "Snapshots whose manifest is not believed.",
    valueOf: ofStored(({ unbelieved }) => unbelieved),
  },
  {
    name: "lifeboat_stored_bytes",
    help: "Size of the data of all snapshots, as stored.",
    valueOf: ofStored(({ storedBytes }) => storedBytes),
  },
  {
    name: "lifeboat_newest_snapshot_timestamp_seconds",
    help: "When the newest snapshot was complete, good or not.",
    valueOf: ofStored(({ newest }) => seconds(newest?.createdAt)),
  },
  {
    name: "lifeboat_newest_good_snapshot_timestamp_seconds",
    help: "When the newest good snapshot was complete: its content is not newer.",
    valueOf: ofStored(({ newestGood }) => seconds(newestGood?.createdAt)),
  },
  {
    name: "lifeboat_newest_good_snapshot_duration_seconds",
    help: "How long the newest good snapshot took, from the beginning of its stream.",
    valueOf: ofStored(({ newestGood }) =>
      newestGood === undefined ? undefined : (Date.parse(newestGood.createdAt) - Date.parse(newestGood.startedAt)) / 1000,
    ),
  },
  {
    name: "lifeboat_newest_good_snapshot_database_bytes",
    help: "Size of etcd's database in the newest good snapshot.",
    valueOf: ofStored(({ newestGood }) => newestGood?.databaseBytes),
  },
  {
    name: "lifeboat_newest_good_snapshot_stored_bytes",
    help: "Size of the newest good snapshot, as stored.",
    valueOf: ofStored(({ newestGood }) => newestGood?.storedBytes),
  },
  {
    name: "lifeboat_newest_good_snapshot_revision",
    help: "Revision of etcd in the newest good snapshot.",
    valueOf: ofStored(({ newestGood }) => newestGood?.revision),
  },
  { name: "lifeboat_lineage", help: "Number of the current lineage.", valueOf: ofStored(({ lineage }) => lineage) },
  {
    name: "lifeboat_lineage_waits",
    help: "Whether the current lineage waits for a person to accept it.",
    valueOf: ofStored(({ attention }) => Number(attention !== undefined)),
  },
  {
    name: "lifeboat_newest_drill_timestamp_seconds",
    help: "When the newest drill was.",
    valueOf: ofStored(({ drill }) => seconds(drill?.at)),
  },
  {
    name: "lifeboat_newest_drill_failed",
    help: "Whether the newest drill did not bring back what was backed up.",
    valueOf: ofStored(({ drill }) => (drill === undefined ? undefined : Number(drill.failed))),
  },
];

export interface MetricsRun {
  readonly version: string;
  /** When the numbers were read, and how long that took. */
  readonly at: Date;
  readonly tookMs: number;
  /** Of a cluster: each stands beside its name in every sample of it. */
  readonly labelsOf: (cluster: string) => Labels;
}

/**
 * The metrics of a fleet in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/): each family once, its samples together. No sample has a time of its own, which node-exporter's textfile collector
 * refuses.
 */
export function* metricsText(
  clusters: readonly FleetCluster[],
  { version, at, tookMs, labelsOf }: MetricsRun,
): Generator<string, void, undefined> {
  yield family("lifeboat_build_info", "The version of lifeboat that wrote these metrics.");
  yield `lifeboat_build_info{version="${escapedLabel(version)}"} 1\n`;
  yield family("lifeboat_metrics_timestamp_seconds", "When these metrics were read from the store.");
  yield `lifeboat_metrics_timestamp_seconds ${at.getTime() / 1000}\n`;
  yield family("lifeboat_metrics_duration_seconds", "How long it took to read them.");
  yield `lifeboat_metrics_duration_seconds ${tookMs / 1000}\n`;
  const labelled = clusters.map((each) => ({ each, labels: labelText({ cluster: each.cluster, ...labelsOf(each.cluster) }) }));
  for (const { name, help, valueOf } of GAUGES) {
    const samples = labelled.flatMap(({ each, labels }) => {
      const value = valueOf(each);
      return value === undefined ? [] : [`${name}{${labels}} ${value}\n`];
    });
    if (samples.length > 0) yield family(name, help) + samples.join("");
  }
}

function family(name: string, help: string): string {
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} gauge\n`;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapedLabel(value)}"`)
    .join(",");
}

/** As the format has it: a cluster's name needs none of it, and a version might. */
export function escapedLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
