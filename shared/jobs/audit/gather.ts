import { isBelieved, known, newestGoodOf, unknown } from "../../audit/facts.ts";
import type {
  ClusterFacts,
  ClusterPolicy,
  Fact,
  GoodSnapshot,
  HistoryFact,
  LineagesFact,
  NewestGoodFact,
  ReplicaFact,
  SnapshotFact,
  UnbelievedFact,
  VerdictFact,
} from "../../audit/facts.ts";
import { attentionOfLineage } from "../../documents/lineages.ts";
import type { DocumentOf } from "../../documents/signed-document.ts";
import { ANSWERS, VERDICTS } from "../../documents/verdict.ts";
import type { LifeboatError } from "../../errors.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import type { Replica } from "../../store/replica.ts";
import { readManifest } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { freezeOf } from "../prune/facts.ts";
import { openFaults, readLineages } from "../../vault/lineage/lineages.ts";
import { newestVerdict } from "../../vault/verdicts.ts";
import { listReplicas, standings } from "../copy/standing.ts";
import type { Standing } from "../copy/standing.ts";
import { listSnapshots } from "../list.ts";
import type { Listing } from "../list.ts";
import { drillHistory } from "./drills.ts";
import type { DrillHistory } from "./drills.ts";
import { endOfLog, wholeLog } from "./facts/custody.ts";
import type { LogFacts, SaidOfLog } from "./facts/custody.ts";
import { learn } from "./facts/learn.ts";
import { listObjects } from "./facts/objects.ts";
import { newestGoodFact } from "./facts/newest-good.ts";
import { snapshotFacts } from "./facts/snapshots.ts";

export interface GatherPorts extends JudgePorts {
  readonly replicas: readonly Replica[];
  /** What the configuration asks of a cluster; undefined for one that it does not know. */
  readonly auditPolicyOf: (cluster: string) => ClusterPolicy | undefined;
  /** Rows of a cluster's snapshots, by whichever way is quickest. */
  readonly list?: (cluster: string) => Promise<Listing>;
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

/** All that an audit asks about one cluster: metadata only. What cannot be learned is told in its place. Throws `interrupted` only. */
export async function gather(ports: GatherPorts, cluster: string, ofStore: StoreFacts, options: GatherOptions): Promise<ClusterFacts> {
  const { blobs, clock } = ports;
  const { depth, historyMs, signal } = options;
  const policy = ports.auditPolicyOf(cluster);
  const now = clock.now().getTime();
  // Documents before the log: the record of each is there before it is.
  const listing = await learn(() => (ports.list ?? ((of) => listSnapshots(ports, of, { full: depth === "all", wantsLog: true })))(cluster));
  const objects = await learn(() => listObjects(blobs, cluster, depth, signal));
  const snapshots = listing.known
    ? await learn(() => snapshotFacts({ blobs, cluster, policy, objects }, listing.value.snapshots, signal))
    : listing;
  const drills = await learn(() => drillHistory(ports, cluster, signal));
  const isNeeded = listing.known && listing.value.snapshots.length > 0;
  const said = listing.known ? listing.value.log : NOTHING_SAID;
  const log = await learn(() =>
    depth === "all"
      ? wholeLog(ports, cluster, said)
      : endOfLog(ports, cluster, { since: new Date(now - historyMs), isNeeded, said, signal }),
  );
  const good = newestGoodOf({ snapshots });
  const found = good === undefined ? known(undefined) : await learn(() => readManifest(ports, cluster, good.id));
  return {
    cluster,
    now,
    policy,
    snapshots,
    newestGood: !snapshots.known ? snapshots : !found.known ? found : await detailsOf(ports, found.value, snapshots.value, options),
    unbelieved: unbelievedIn(listing, drills, log),
    differences: differencesIn(cluster, listing, log),
    foreign: objects.known ? known(objects.value.foreign) : objects,
    lineages: await learn(() => lineageFacts(ports, cluster, signal)),
    custody: log.known ? known(log.value.custody) : log,
    history: log.known ? known(lately(log.value.history, now - historyMs)) : log,
    drills: drills.known ? known(drills.value.drills) : drills,
    canaries: canariesIn(log, depth),
    replicas: await replicaFacts(ports, cluster, found, signal),
    verdict: await learn(async () => verdictFact(await newestVerdict(ports, cluster, signal))),
    ...ofStore,
  };
}

async function detailsOf(
  ports: GatherPorts,
  found: FoundManifest | undefined,
  snapshots: readonly SnapshotFact[],
  { comparesChecksum, signal }: GatherOptions,
): Promise<Fact<NewestGoodFact | undefined>> {
  if (found === undefined) return known(undefined);
  const good = snapshots.filter((each): each is GoodSnapshot => isBelieved(each) && each.lacks.length === 0);
  return learn(() => newestGoodFact(ports, found, { before: good.at(-2), comparesChecksum, signal }));
}

const NOTHING_SAID: SaidOfLog = { log: new Map(), witness: undefined };

function differencesIn(cluster: string, listing: Fact<Listing>, log: Fact<LogFacts>): ClusterFacts["differences"] {
  const ofSnapshots = (listing.known ? listing.value.differences : undefined) ?? [];
  return [...ofSnapshots.map(({ id, message }) => ({ subject: `${cluster}/${id}`, message })), ...(log.known ? log.value.differences : [])];
}

/** One of a later version, whose words are not known here, says nothing. */
function verdictFact(found: DocumentOf<"verdict"> | undefined): VerdictFact | undefined {
  const verdict = VERDICTS.find((word) => word === found?.verdict);
  if (found === undefined || verdict === undefined) return undefined;
  const lines = found.lines.flatMap(({ name, question, answer, evidence, fix }) => {
    const word = ANSWERS.find((each) => each === answer);
    return word === undefined ? [] : [{ name, question, answer: word, evidence, fix }];
  });
  return { at: Date.parse(found.judgedAt), verdict, lines };
}

/** Half a year is further back than the end of a log goes: that there was one is told, that there was none is not. */
function canariesIn(log: Fact<LogFacts>, depth: GatherOptions["depth"]): ClusterFacts["canaries"] {
  if (!log.known) return log;
  return depth === "all" || log.value.canaries.length > 0 ? known(log.value.canaries) : unknown("only the whole custody log tells");
}

function lately({ since, events }: HistoryFact, from: number): HistoryFact {
  return { since: Math.max(since, from), events: events.filter(({ time }) => time >= from) };
}

/** What the audit of each cluster says for itself is not told twice: a manifest is told with its snapshot. */
function unbelievedIn(listing: Fact<Listing>, drills: Fact<DrillHistory>, log: Fact<LogFacts>): readonly UnbelievedFact[] {
  const found = new Map<string, UnbelievedFact>();
  const add = (key: string, { code, message }: Pick<LifeboatError, "message"> & { readonly code: string }): void =>
    void found.set(key, { key, code, message });
  if (log.known)
    for (const { subject, code, message } of log.value.unbelieved)
      if (!/\/(?:snapshots|lineage|acceptances)\//.test(subject)) add(subject, { code, message });
  if (listing.known) {
    for (const { key, error } of [...listing.value.badCountersignatures, ...listing.value.badSegments]) add(key, error);
    for (const pin of listing.value.badPins) add(pin.key, pin);
  }
  if (drills.known) for (const { key, error } of drills.value.bad) add(key, error);
  return [...found.values()];
}

async function lineageFacts(ports: JudgePorts, cluster: string, signal: AbortSignal | undefined): Promise<LineagesFact> {
  const lineages = await readLineages(ports, cluster, signal);
  const faults = openFaults(lineages);
  return {
    links: lineages.links.map(({ lineage: { number } }) => ({
      number,
      ...freezeOf({ lineages, hasOpenFaults: faults.length > 0 }, number),
    })),
    attention: attentionOfLineage(cluster, lineages.links.at(-1)),
    faults: faults.map(({ key, message }) => ({ key, message })),
  };
}

async function replicaFacts(
  ports: GatherPorts,
  cluster: string,
  found: Fact<FoundManifest | undefined>,
  signal: AbortSignal | undefined,
): Promise<readonly ReplicaFact[]> {
  if (ports.replicas.length === 0) return [];
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

/** Undefined where no snapshot is good; a replica that does not even list what it has is none to speak of. */
function standingOf(own: Standing | undefined, error: LifeboatError | undefined): ReplicaFact["newestGood"] {
  if (own === undefined) return error === undefined ? known(undefined) : unknown(error.message);
  const { state, reason } = own;
  return state === "unknown" ? unknown(reason ?? "it was not asked") : known({ state, reason });
}
