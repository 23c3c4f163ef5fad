import { audit } from "../../audit/audit.ts";
import { CODES } from "../../audit/finding.ts";
import type { Finding } from "../../audit/finding.ts";
import type { Labels } from "../../config/labels.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import type { ClusterReport, ReportData, ReportFinding } from "../../contract/report.ts";
import { mapConcurrently } from "../../map-concurrently.ts";
import { TOOL } from "../../version.ts";
import { gather } from "./gather.ts";
import type { GatherPorts, StoreFacts } from "./gather.ts";
import { clusterReport } from "./report/cluster.ts";

export interface ReportPorts extends GatherPorts {
  /** When backups of a cluster are due; undefined for one that the configuration does not know. */
  readonly scheduleOf: (cluster: string) => ClusterConfig["schedule"] | undefined;
  readonly labelsOf: (cluster: string) => Labels;
}

export interface ReportOptions {
  /** How many days back the custody log is read: each of its records is an object. */
  readonly days: number;
  readonly signal?: AbortSignal | undefined;
}

const DAY_MS = 86_400_000;
/** Storage is reckoned a year ahead, which takes some 0.1 s of a processor for each cluster; of a large fleet a quarter. */
const FORECAST_DAYS = { few: 365, many: 90 } as const;
const MANY_CLUSTERS = 100;
/** Each reads up to 64 documents at a time itself. */
const CLUSTERS_AT_ONCE = 4;

/**
 * What the page shows of `clusters`: metadata is read, of each cluster in turn, and what cannot be learned is told in its place. Changes nothing. Throws `interrupted` only.
 */
export async function gatherReport(
  ports: ReportPorts,
  clusters: readonly string[],
  ofStore: StoreFacts,
  { days, signal }: ReportOptions,
): Promise<ReportData> {
  const options = { depth: "tail", historyMs: days * DAY_MS, comparesChecksum: false, signal } as const;
  const forecastMs = FORECAST_DAYS[clusters.length > MANY_CLUSTERS ? "many" : "few"] * DAY_MS;
  const reports: ClusterReport[] = [];
  const findings: ReportFinding[] = [];
  const looked = mapConcurrently(clusters, CLUSTERS_AT_ONCE, async (cluster) => {
    const facts = await gather(ports, cluster, ofStore, options);
    return {
      report: clusterReport(facts, { labels: ports.labelsOf(cluster), schedule: ports.scheduleOf(cluster), forecastMs }),
      findings: audit(facts),
    };
  });
  for await (const each of looked) {
    reports.push(each.report);
    findings.push(...each.findings.map(withMeaning));
  }
  const { name, version } = TOOL;
  return { madeAt: ports.clock.now().getTime(), tool: `${name} ${version}`, location: ports.blobs.location, clusters: reports, findings };
}

function withMeaning(finding: Finding): ReportFinding {
  return { ...finding, means: CODES[finding.code].means };
}
