import { audit } from "../../audit/audit.ts";
import { isBelieved, newestGoodOf } from "../../audit/facts.ts";
import type { ClusterFacts } from "../../audit/facts.ts";
import type { Finding } from "../../audit/finding.ts";
import { ageOf } from "../../audit/rules/rpo.ts";
import { mapConcurrently } from "../../map-concurrently.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { listClusters } from "../../vault/catalog.ts";
import { gather } from "./gather.ts";
import type { GatherPorts, StoreFacts } from "./gather.ts";

/** What an audit says of one cluster: the facts themselves, which may be of ten thousand snapshots, are let go. */
export interface AuditedCluster {
  readonly cluster: string;
  readonly isConfigured: boolean;
  /** Undefined where they could not be listed. */
  readonly snapshots: { readonly all: number; readonly good: number } | undefined;
  readonly good: { readonly id: string; readonly createdAt: number; readonly ageMs: number } | undefined;
  /** The worst first. */
  readonly findings: readonly Finding[];
}

export interface AuditOptions {
  /** Reads every record and document, compares the catalog with them, and has the store sum the newest good snapshot's data. */
  readonly full: boolean;
  readonly signal?: AbortSignal | undefined;
}

const DAY_MS = 86_400_000;
/** A week: with hourly backups some 340 records of each cluster are read. With `full` all are. */
const HISTORY_MS = 7 * DAY_MS;
const FULL_HISTORY_MS = 30 * DAY_MS;

/** Each reads up to 64 documents at a time itself: enough for a store that takes its time, and of few clusters the facts are held. */
const CLUSTERS_AT_ONCE = 4;

/** The clusters of the configuration and those of the store, in order. Throws `store/...`. */
export async function clustersToAudit(blobs: BlobStore, configured: readonly string[]): Promise<readonly string[]> {
  return [...new Set([...configured, ...(await listClusters(blobs))])].toSorted();
}

/** Each cluster in turn, with bounded memory: metadata only is read. What cannot be learned is a finding. Throws `interrupted` only. */
export async function* auditClusters(
  ports: GatherPorts,
  clusters: readonly string[],
  ofStore: StoreFacts,
  { full, signal }: AuditOptions,
): AsyncGenerator<AuditedCluster, void, undefined> {
  const options = full
    ? { depth: "all" as const, historyMs: FULL_HISTORY_MS, comparesChecksum: true, signal }
    : { depth: "tail" as const, historyMs: HISTORY_MS, comparesChecksum: false, signal };
  yield* mapConcurrently(clusters, CLUSTERS_AT_ONCE, async (cluster) => summaryOf(await gather(ports, cluster, ofStore, options)));
}

function summaryOf(facts: ClusterFacts): AuditedCluster {
  const { cluster, now, policy, snapshots } = facts;
  const good = newestGoodOf(facts);
  return {
    cluster,
    isConfigured: policy !== undefined,
    snapshots: snapshots.known
      ? { all: snapshots.value.length, good: snapshots.value.filter((each) => isBelieved(each) && each.lacks.length === 0).length }
      : undefined,
    good: good === undefined ? undefined : { id: good.id, createdAt: good.createdAt, ageMs: ageOf(now, good) },
    findings: audit(facts),
  };
}
