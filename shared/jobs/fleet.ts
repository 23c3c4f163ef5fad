import { ageOf, isTooOld } from "../audit/rules/rpo.ts";
import { drillsPrefix, partsOfDrillKey } from "../documents/layout.ts";
import { attentionOfLineage, howToAccept } from "../documents/lineages.ts";
import type { LineageAttention } from "../documents/lineages.ts";
import { compareIds } from "../documents/slot.ts";
import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import { mapConcurrently } from "../map-concurrently.ts";
import type { JudgePorts } from "../vault/judge.ts";
import { openFaults, readLineages } from "../vault/lineage/lineages.ts";
import { readDocument } from "../vault/read-document.ts";
import type { Vault } from "../vault/vault.ts";
import { listSnapshots } from "./list.ts";
import type { Listed, Listing, SnapshotRow } from "./list.ts";

/** The first that is wrong with a cluster, in a word or two for a table; `ok` where nothing is. */
export type FleetHint =
  | "ok"
  | "unknown"
  | "nothing stored"
  | "none good"
  | "too old"
  | "new lineage"
  | "not believed"
  | "drill failed"
  | "not configured";

export interface FleetCluster {
  readonly cluster: string;
  /** Undefined where the configuration does not have it. */
  readonly rpoMs: number | undefined;
  /** Undefined where it could not be read: `problems` says why. */
  readonly stored: StoredFleet | undefined;
  readonly hint: FleetHint;
  /** A sentence each, lower case, no full stop; empty where all is well. */
  readonly problems: readonly string[];
}

/** What the store has of a cluster. */
export interface StoredFleet {
  readonly snapshots: number;
  /** Of all whose manifest is believed. */
  readonly storedBytes: number;
  /** So many are good, lack a countersignature, are in quarantine, or have a manifest that is not believed. */
  readonly good: number;
  readonly notVerified: number;
  readonly quarantined: number;
  readonly unbelieved: number;
  readonly newest: FleetSnapshot | undefined;
  readonly newestGood: (FleetSnapshot & { readonly ageMs: number }) | undefined;
  /** The current one; undefined where none is believed. */
  readonly lineage: number | undefined;
  readonly attention: LineageAttention | undefined;
  /** The newest that is believed. */
  readonly drill: { readonly id: string; readonly at: string; readonly failed: boolean } | undefined;
}

export interface FleetSnapshot {
  readonly id: string;
  /** When its stream began, and when it was complete. */
  readonly startedAt: string;
  readonly createdAt: string;
  readonly databaseBytes: number;
  readonly storedBytes: number;
  readonly revision: number;
  readonly lineage: number;
}

/** Of each cluster no row is kept, so that a fleet takes the memory of a few of them. */
const CLUSTERS_AT_ONCE = 4;

/** One line a cluster, in the order of `clusters`. Reads metadata only. What cannot be read of one is told in its place. */
export async function* readFleet(ports: JudgePorts, clusters: Iterable<string>): AsyncGenerator<FleetCluster, void, undefined> {
  yield* mapConcurrently(clusters, CLUSTERS_AT_ONCE, (cluster) => readOne(ports, cluster));
}

async function readOne(ports: JudgePorts, cluster: string): Promise<FleetCluster> {
  const rpoMs = ports.policyOf(cluster)?.rpoMs;
  try {
    const [listing, lineages, drill] = await Promise.all([
      listSnapshots(ports, cluster),
      readLineages(ports, cluster),
      newestDrill(ports, cluster),
    ]);
    const attention = attentionOfLineage(cluster, lineages.links.at(-1));
    const counted = countSnapshots(listing, ports.clock.now().getTime());
    const stored = { ...counted, lineage: lineages.links.at(-1)?.lineage.number, attention, drill: drill.newest };
    const unbelieved = [...unbelievedIn(listing), ...openFaults(lineages).map(({ message }) => message), ...drill.bad];
    return { cluster, rpoMs, stored, ...judgeOne(cluster, rpoMs, stored, unbelieved) };
  } catch (error) {
    if (!isLifeboatError(error, "store/", "verify/")) throw error;
    return { cluster, rpoMs, stored: undefined, hint: "unknown", problems: [error.message] };
  }
}

function countSnapshots({ snapshots }: Listing, now: number): Omit<StoredFleet, "lineage" | "attention" | "drill"> {
  const believed = snapshots.filter(isBelieved);
  const good = believed.filter(({ lacks }) => lacks.length === 0);
  const newestGood = newestOf(good);
  const lack = (code: string): number => believed.filter(({ lacks }) => lacks.some((each) => each.code === code)).length;
  return {
    snapshots: snapshots.length,
    storedBytes: believed.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    good: good.length,
    notVerified: lack("not-countersigned"),
    quarantined: believed.filter(({ quarantined }) => quarantined).length,
    unbelieved: snapshots.length - believed.length,
    // What claims a time that has not come is never the newest.
    newest: newestOf(believed.filter(({ lacks }) => !lacks.some(({ code }) => code === "future"))),
    newestGood:
      newestGood === undefined ? undefined : { ...newestGood, ageMs: ageOf(now, { createdAt: Date.parse(newestGood.createdAt) }) },
  };
}

type Believed = Listed & SnapshotRow;

function isBelieved(each: Listed): each is Believed {
  return !("error" in each);
}

/** By when its data was there, as everywhere. */
function newestOf(snapshots: readonly Believed[]): FleetSnapshot | undefined {
  const newest = snapshots.reduce((best: Placed | undefined, each) => newerOf(best, each), undefined)?.snapshot;
  if (newest === undefined) return undefined;
  const { id, startedAt, createdAt, databaseBytes, storedBytes, revision, lineage } = newest;
  return { id, startedAt, createdAt, databaseBytes, storedBytes, revision, lineage };
}

interface Placed {
  readonly ms: number;
  readonly snapshot: Believed;
}

function newerOf(best: Placed | undefined, snapshot: Believed): Placed {
  const ms = Date.parse(snapshot.createdAt);
  if (best === undefined || ms > best.ms || (ms === best.ms && compareIds(snapshot.id, best.snapshot.id) > 0)) return { ms, snapshot };
  return best;
}

function unbelievedIn({ snapshots, badCountersignatures, badPins, badSegments }: Listing): readonly string[] {
  return [
    ...snapshots.flatMap((each) => ("error" in each ? [each.error.message] : [])),
    ...[...badCountersignatures, ...badSegments].map(({ error }) => error.message),
    ...badPins.filter(({ isOfLaterVersion }) => isOfLaterVersion !== true).map(({ message }) => message),
  ];
}

/** What is worst comes first. */
function judgeOne(
  cluster: string,
  rpoMs: number | undefined,
  { snapshots, newestGood, newest, attention, drill }: StoredFleet,
  unbelieved: readonly string[],
): Pick<FleetCluster, "hint" | "problems"> {
  const found: (readonly [FleetHint, string])[] = [];
  if (snapshots === 0) found.push(["nothing stored", "there are no snapshots"]);
  else if (newestGood === undefined) found.push(["none good", `no snapshot is good; lifeboat ls ${cluster} says why each is not`]);
  else if (rpoMs !== undefined && isTooOld(newestGood.ageMs, rpoMs)) {
    const why = newest === undefined || newest.id === newestGood.id ? "" : `; the newest, ${cluster}/${newest.id}, is not good`;
    found.push(["too old", `the newest good snapshot is older than the rpo${why}`]);
  }
  if (attention !== undefined) found.push(["new lineage", `${attention.message}; ${howToAccept(cluster, attention.number)}`]);
  for (const message of unbelieved) found.push(["not believed", message]);
  if (drill?.failed === true) found.push(["drill failed", `the last drill, of ${cluster}/${drill.id}, did not pass`]);
  if (rpoMs === undefined) found.push(["not configured", "the configuration does not have it"]);
  return { hint: found[0]?.[0] ?? "ok", problems: found.map(([, problem]) => problem) };
}

interface Drills {
  readonly newest: StoredFleet["drill"];
  /** Why newer ones are not believed. */
  readonly bad: readonly string[];
}

/** So many of the newest are tried for one that is believed. */
const MOST_TRIED = 8;

/** By name the newest; of those no more are read than it takes. */
async function newestDrill(vault: Vault, cluster: string): Promise<Drills> {
  const listed: { readonly key: string; readonly id: string; readonly time: string }[] = [];
  for await (const { key } of vault.blobs.list(drillsPrefix(cluster))) {
    const parts = partsOfDrillKey(cluster, key);
    if (parts !== undefined) listed.push({ key, ...parts });
  }
  const bad: string[] = [];
  for (const { key, id } of listed.toSorted((a, b) => compareIds(b.time, a.time)).slice(0, MOST_TRIED)) {
    const read = await readDocument(vault, "drill", cluster, key).catch(unreadable);
    if (read === undefined || read.state === "later") continue;
    if (read.state === "bad") bad.push(read.error.message);
    else return { newest: { id, at: read.document.drilledAt, failed: read.document.outcome === "failed" }, bad };
  }
  return { newest: undefined, bad };
}

/** Who may not read drills sees all else. */
function unreadable(error: unknown): undefined {
  if (!isLifeboatError(error, "store/denied")) throw error as LifeboatError;
}
