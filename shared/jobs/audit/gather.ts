import { known, newestGoodOf, unknown } from "../../audit/facts.ts";
import type { ClusterFacts, ClusterPolicy, Fact, NodeSetFact, ReplicaFact } from "../../audit/facts.ts";
import { clusterPrefix } from "../../documents/layout.ts";
import type { LifeboatError } from "../../errors.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import { ListedOnce } from "../../store/listed-once.ts";
import type { Replica } from "../../store/replica.ts";
import { readManifest } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { newestOfNodes } from "../../vault/node-files/sets.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { listReplicas, standings } from "../copy/standing.ts";
import type { Standing } from "../copy/standing.ts";
import { listSnapshots } from "../list.ts";
import { readDocuments } from "./facts/documents.ts";
import { learn } from "./facts/learn.ts";
import { listObjects } from "./facts/objects.ts";
import { snapshotFacts } from "./facts/snapshots.ts";
import type { AuditMemory } from "../../host/audit-memory.ts";
import { Notes } from "./notes.ts";

export interface GatherPorts extends JudgePorts {
  readonly replicas: readonly Replica[];
  /** What the configuration asks of a cluster; undefined for one that it does not know. */
  readonly auditPolicyOf: (cluster: string) => ClusterPolicy | undefined;
  /** What this host knows of earlier audits; undefined where it keeps nothing. */
  readonly memory?: AuditMemory | undefined;
}

export interface GatherOptions {
  /** `all`: every record of the custody log and every document is read, and they are held against each other; `tail`: the last days of the log. */
  readonly depth: "all" | "tail";
  /** How many ms back the history goes. */
  readonly historyMs: number;
  /** Whether the store's own checksum of the newest good snapshot is asked for: a folder reads the whole object for it. */
  readonly comparesChecksum: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What is the same for every cluster of a store, and is learned once. */
export interface StoreFacts {
  readonly wrappingKey: Fact<string | undefined>;
}

/** Throws `interrupted` only. */
export async function gatherStore(
  ports: { readonly keys: Pick<KeyRing, "wrappingKey"> },
  keepsDataElsewhere: boolean,
): Promise<StoreFacts> {
  return {
    wrappingKey: keepsDataElsewhere ? known(undefined) : await learn(() => ports.keys.wrappingKey()),
  };
}

/**
 * All that an audit asks about one cluster: metadata only. What cannot be learned is told in its place. What documents said the last time is taken again where the store lists exactly the objects that it listed then; what data and which
 * locks there are is asked each time. Throws `interrupted` only.
 */
export async function gather(ports: GatherPorts, cluster: string, ofStore: StoreFacts, options: GatherOptions): Promise<ClusterFacts> {
  const { clock } = ports;
  const { depth, historyMs, signal } = options;
  const policy = ports.auditPolicyOf(cluster);
  const now = clock.now().getTime();
  const view = depth === "tail" ? new ListedOnce(ports.blobs, signal) : undefined;
  const seen = view === undefined ? ports : { ...ports, blobs: view.blobs };
  const notes = view === undefined || ports.memory === undefined ? undefined : new Notes(ports, ports.memory, { cluster, historyMs, view });
  // Where no folder is, nothing is looked for.
  await learn(async () => view?.folders(clusterPrefix(cluster)));
  const recalled = await learn(async () => notes?.recall(now));
  const remembered = recalled.known ? recalled.value : undefined;
  // Documents before the log: the record of each is there before it is.
  const listing =
    remembered === undefined ? await learn(() => listSnapshots(seen, cluster, { full: depth === "all", wantsLog: true })) : NOT_LISTED;
  const objects = await learn(() => listObjects(ports.blobs, seen.blobs, cluster, depth, signal));
  const documents = remembered ?? (await readDocuments(seen, cluster, listing, { ...options, now }));
  if (remembered === undefined) await notes?.keep(documents, now);
  const { rows, ...others } = documents;
  const snapshots = rows.known
    ? await learn(() => snapshotFacts({ blobs: ports.blobs, cluster, policy, objects }, rows.value, signal))
    : rows;
  return {
    cluster,
    now,
    policy,
    snapshots,
    ...others,
    nodeSets: policy?.nodeFilesEveryMs === undefined ? undefined : await learn(() => nodeSets(ports, cluster, signal)),
    foreign: objects.known ? known(objects.value.foreign) : objects,
    replicas: await replicaFacts(seen, cluster, newestGoodOf({ snapshots })?.id, signal),
    ...ofStore,
  };
}

async function nodeSets(ports: GatherPorts, cluster: string, signal: AbortSignal | undefined): Promise<readonly NodeSetFact[]> {
  const newest = await newestOfNodes(ports, cluster, signal);
  return newest.map(({ document: { node, collectedAt } }) => ({ node, collectedAt: Date.parse(collectedAt) }));
}

async function replicaFacts(
  ports: GatherPorts,
  cluster: string,
  newestGood: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly ReplicaFact[]> {
  if (ports.replicas.length === 0) return [];
  const found: Fact<FoundManifest | undefined> =
    newestGood === undefined ? known(undefined) : await learn(() => readManifest(ports, cluster, newestGood));
  const asked = { ...ports, signal };
  const required = ports.auditPolicyOf(cluster)?.requireReplica ?? [];
  const [listed, standing] = await Promise.all([
    listReplicas(asked, [cluster]),
    found.known && found.value !== undefined ? standings(asked, found.value) : [],
  ]);
  return listed.map(({ name, location, refs, error }): ReplicaFact => {
    const own = standing.find((each) => each.name === name);
    return {
      name,
      location,
      isRequired: required.includes(name),
      ids:
        refs === undefined
          ? unknown(error?.message ?? "it was not asked")
          : known(new Set([...refs].map((ref) => ref.slice(cluster.length + 1)))),
      newestGood: found.known ? standingOf(own, error) : found,
    };
  });
}

const NOT_LISTED = unknown("an earlier audit listed it");

/** Undefined where no snapshot is good; a replica that does not even list what it has is none to speak of. */
function standingOf(own: Standing | undefined, error: LifeboatError | undefined): ReplicaFact["newestGood"] {
  if (own === undefined) return error === undefined ? known(undefined) : unknown(error.message);
  const { state, reason } = own;
  return state === "unknown" ? unknown(reason ?? "it was not asked") : known({ state, reason });
}
