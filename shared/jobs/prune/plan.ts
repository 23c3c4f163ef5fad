import type { Clock } from "../../clock.ts";
import { manifestKey } from "../../documents/layout.ts";
import { parseId } from "../../documents/slot.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { decide } from "../../retention/decide.ts";
import type { Decision } from "../../retention/decision.ts";
import type { LineageFacts, SnapshotFacts } from "../../retention/facts.ts";
import type { RetentionPolicy } from "../../retention/policy.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import type { Replica } from "../../store/replica.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { findBrakes } from "./brakes.ts";
import type { Brake } from "./brakes.ts";
import { freezeOf, readFacts } from "./facts.ts";
import type { FactsOptions, PruneFacts, SnapshotRow } from "./facts.ts";
import { bytesOf, objectsInTurn } from "./inventory.ts";
import type { Holding } from "./inventory.ts";
import { findLeftovers } from "./leftovers.ts";
import type { Leftover, Unclear } from "./leftovers.ts";
import { newestLock } from "./newest-lock.ts";
import { keepUntilReplicated } from "./successors.ts";
import type { JudgedSnapshot } from "./successors.ts";

/** How a cluster's snapshots are kept: retention in lifeboat.yaml, and what else bears on it. */
export interface PrunePolicy {
  readonly retention: RetentionPolicy;
  /** Replicas that must have what displaces a snapshot before it goes. */
  readonly requireReplica: readonly string[];
  readonly rpoMs: number;
  /** What nothing needs is left alone until it is so old: see SWEEP_AFTER_MS. */
  readonly orphansAfterMs: number;
}

export interface PlanPorts extends JudgePorts {
  readonly clock: Clock;
  readonly replicas: readonly Replica[];
}

/** What goes and what stays, with the reasons. Nothing is changed by it. */
export interface RemovalPlan extends RehearsedPlan {
  readonly decisions: readonly PlannedSnapshot[];
  readonly facts: PruneFacts;
}

/** The same to be shown alone: nothing can be ordered by it. It holds none of the facts, which of ten thousand snapshots take tens of megabytes. */
export interface RehearsedPlan {
  /** Of each snapshot that has a manifest, newest first. */
  readonly decisions: readonly DecidedSnapshot[];
  /** What no snapshot needs, and is old enough. */
  readonly leftovers: readonly Leftover[];
  /** What is kept since something about it cannot be told: snapshots, by their manifests, and what may be left over. */
  readonly unclear: readonly Unclear[];
  /** What a person has to look at before anything is removed. */
  readonly brakes: readonly Brake[];
}

export interface DecidedSnapshot extends JudgedSnapshot {
  /** Of all its objects in all versions. */
  readonly bytes: number;
  readonly good: boolean | undefined;
}

export interface PlannedSnapshot extends DecidedSnapshot {
  readonly row: SnapshotRow;
  readonly holding: Holding;
}

/** What is to be shown of a plan, so that the rest can be let go. */
export function outlineOf({ decisions, leftovers, unclear, brakes }: RemovalPlan): RehearsedPlan {
  return {
    decisions: decisions.map(({ id, lineage, verdict, reasons, bytes, good }) => ({ id, lineage, verdict, reasons, bytes, good })),
    leftovers,
    unclear,
    brakes,
  };
}

/** Reads what is stored, and decides. Throws `store/...`. */
export function planRemovals(ports: PlanPorts, cluster: string, policy: PrunePolicy, signal?: AbortSignal): Promise<RemovalPlan> {
  return planWith(ports, cluster, policy, { asksLocks: true, signal });
}

/** The same for a person to look at, sooner: what segments of the catalog tell of is not read from the documents. */
export async function rehearseRemovals(
  ports: PlanPorts,
  cluster: string,
  policy: PrunePolicy,
  signal?: AbortSignal,
): Promise<RehearsedPlan> {
  return outlineOf(await planWith(ports, cluster, policy, { asksLocks: true, byCatalog: true, signal }));
}

/** The keeper's: what retention lets go, whatever a replica lacks and a lock keeps. A lock it meets when it removes; and it must not renew one that alone keeps a snapshot. */
export function planOfKeeper(ports: PlanPorts, cluster: string, policy: PrunePolicy, signal?: AbortSignal): Promise<RemovalPlan> {
  return planWith({ ...ports, replicas: [] }, cluster, { ...policy, requireReplica: [] }, { asksLocks: false, signal });
}

async function planWith(
  ports: PlanPorts,
  cluster: string,
  policy: PrunePolicy,
  { asksLocks, ...options }: { readonly asksLocks: boolean } & FactsOptions,
): Promise<RemovalPlan> {
  const { signal } = options;
  const facts = await readFacts(ports, cluster, options);
  const now = ports.clock.now();
  const { snapshots, lineages } = retentionFactsOf(facts);
  const decideOn = (these: readonly SnapshotFacts[]): readonly Decision[] =>
    decide({ snapshots: these, lineages, policy: policy.retention, now: now.getTime() });
  const unlocked = decideOn(snapshots);
  // Locks are asked for only where it matters, since each takes requests of its own.
  const wouldGo = new Set(unlocked.flatMap(({ id, verdict }) => (verdict === "remove" ? [id] : [])));
  const known = asksLocks ? await withLocks(ports.blobs, snapshots, { wouldGo, facts, signal }) : snapshots;
  const lawful = known.every((each, index) => each === snapshots[index]) ? unlocked : decideOn(known);
  const decided = await keepUntilReplicated({ ...ports, signal }, cluster, lawful, policy.requireReplica);
  const { leftovers, unclear } = await findLeftovers(ports, cluster, facts, { olderThanMs: policy.orphansAfterMs, signal });
  const decisions = decided.map((decision) => plannedOf(decision, facts));
  const brakes = findBrakes({ cluster, facts, decisions, now, rpoMs: policy.rpoMs });
  return { facts, decisions, leftovers, unclear: [...unknownIn(cluster, facts), ...unclear], brakes };
}

/** Snapshots that are kept for no other reason than that a fact is not known stay for ever, unless a person looks. */
function unknownIn(cluster: string, { rows }: PruneFacts): readonly Unclear[] {
  return [...rows.values()].flatMap(({ id, unknown: [reason] }) =>
    reason === undefined ? [] : [{ key: manifestKey(cluster, id), reason }],
  );
}

/** What the policy goes by, without locks. */
export function retentionFactsOf(facts: PruneFacts): {
  readonly snapshots: readonly SnapshotFacts[];
  readonly lineages: readonly LineageFacts[];
} {
  return {
    snapshots: [...facts.rows.values()].map((row) => factsOf(row, facts)),
    lineages: facts.lineages.links.map(({ lineage: { number } }) => ({ number, ...freezeOf(facts, number) })),
  };
}

function plannedOf(decision: JudgedSnapshot, { rows, inventory }: PruneFacts): PlannedSnapshot {
  const [row, holding] = [rows.get(decision.id), inventory.holdings.get(decision.id)];
  if (row === undefined || holding === undefined) throw new Error(`a decision on ${decision.id}, which is not there`);
  return { ...decision, row, holding, bytes: bytesOf(holding), good: goodOf(row) };
}

function goodOf({ manifest, unknown }: SnapshotRow): boolean | undefined {
  if (manifest === undefined || unknown.length > 0) return undefined;
  return manifest.lacks.length === 0;
}

function factsOf(row: SnapshotRow, { inventory }: PruneFacts): SnapshotFacts {
  const { id, manifest, pin, unknown } = row;
  const holding = inventory.holdings.get(id);
  return {
    id,
    time: parseId(id)?.slot.getTime() ?? 0,
    lineage: manifest?.lineage,
    good: goodOf(row),
    lacks: manifest?.lacks ?? [],
    bytes: holding === undefined ? undefined : bytesOf(holding),
    pinned: pin,
    lockedUntil: undefined,
    unknown,
  };
}

async function withLocks(
  blobs: BlobStore,
  snapshots: readonly SnapshotFacts[],
  {
    wouldGo,
    facts,
    signal,
  }: { readonly wouldGo: ReadonlySet<string>; readonly facts: PruneFacts; readonly signal: AbortSignal | undefined },
): Promise<readonly SnapshotFacts[]> {
  const found: SnapshotFacts[] = [];
  const asked = mapConcurrently(snapshots, PARALLEL_READS, async (snapshot) => {
    const holding = wouldGo.has(snapshot.id) ? facts.inventory.holdings.get(snapshot.id) : undefined;
    const lock = holding === undefined ? undefined : await newestLock(blobs, objectsInTurn(holding), signal);
    if (lock === undefined) return snapshot;
    const end = lock.legalHold ? undefined : lock.until?.getTime();
    return { ...snapshot, lockedUntil: end ?? Number.POSITIVE_INFINITY };
  });
  for await (const each of asked) {
    signal?.throwIfAborted();
    found.push(each);
  }
  return found;
}
