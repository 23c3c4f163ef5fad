import { known, unknown } from "../../../audit/facts.ts";
import type { ClusterPolicy, DataFact, Fact, SnapshotFact } from "../../../audit/facts.ts";
import { manifestKey } from "../../../documents/layout.ts";
import { parseId } from "../../../documents/slot.ts";
import { mapConcurrently, PARALLEL_READS } from "../../../map-concurrently.ts";
import type { BlobStore } from "../../../store/blob-store.ts";
import type { Listed } from "../../list.ts";
import { learn } from "./learn.ts";
import type { ObjectFacts } from "./objects.ts";

/** What is asked besides of what was listed. */
interface Asked {
  readonly blobs: BlobStore;
  readonly cluster: string;
  readonly policy: Pick<ClusterPolicy, "lockMs" | "keepsDataElsewhere"> | undefined;
  readonly objects: Fact<ObjectFacts>;
}

/** Rows of a list as facts, with the data that the store lists, and where it is to lock, its word on each lock. */
export async function snapshotFacts(asked: Asked, listed: readonly Listed[], signal?: AbortSignal): Promise<readonly SnapshotFact[]> {
  const facts: SnapshotFact[] = [];
  for await (const fact of mapConcurrently(listed, PARALLEL_READS, (each) => factOf(asked, each, signal))) facts.push(fact);
  return facts;
}

async function factOf(asked: Asked, listed: Listed, signal: AbortSignal | undefined): Promise<SnapshotFact> {
  const { id } = listed;
  const slot = parseId(id)?.slot.getTime() ?? 0;
  if ("error" in listed) return { id, slot, error: { code: listed.error.code, message: listed.error.message } };
  return {
    id,
    slot,
    digest: listed.manifestDigest,
    startedAt: Date.parse(listed.startedAt),
    createdAt: Date.parse(listed.createdAt),
    lineage: listed.lineage,
    revision: listed.revision,
    databaseBytes: listed.databaseBytes,
    storedBytes: listed.storedBytes,
    proof: listed.proof,
    isQuarantined: listed.quarantined,
    verifiedAt: listed.verifiedAt === undefined ? undefined : Date.parse(listed.verifiedAt),
    lacks: listed.lacks,
    isPinned: listed.pin.isPinned,
    data: dataOf(asked, listed),
    lockedUntil: await lockOf(asked, id, signal),
  };
}

/** Which object is the snapshot's own the manifest says; beside it may lie what a run left that lost the race for the slot. */
function dataOf({ policy, objects }: Asked, { id, storedBytes }: { readonly id: string; readonly storedBytes: number }): Fact<DataFact> {
  if (policy?.keepsDataElsewhere === true) return known({ state: "elsewhere" });
  if (!objects.known) return objects;
  const of = objects.value.data.get(id) ?? [];
  const [first] = of;
  if (first === undefined) return known({ state: "missing" });
  return known(of.some(({ bytes }) => bytes === storedBytes) ? { state: "present" } : { state: "wrong-size", bytes: first.bytes });
}

/** The earlier of its manifest's and its data's: without either it is nothing. */
async function lockOf(
  { blobs, cluster, policy, objects }: Asked,
  id: string,
  signal: AbortSignal | undefined,
): Promise<Fact<number | undefined>> {
  if (policy?.lockMs === undefined) return NOT_ASKED;
  const data = objects.known ? (objects.value.data.get(id) ?? []) : [];
  return learn(async () => {
    const ends = await Promise.all(
      [manifestKey(cluster, id), ...data.map(({ key }) => key)].map(async (key) => endOf(await blobs.lockOf(key, { signal }))),
    );
    return ends.some((end) => end === undefined) ? undefined : Math.min(...ends.map((end) => end ?? Infinity));
  });
}

const NOT_ASKED = unknown("the configuration says nothing of locks");

function endOf(lock: Awaited<ReturnType<BlobStore["lockOf"]>>): number | undefined {
  return lock === undefined ? undefined : lock.legalHold ? Infinity : (lock.until?.getTime() ?? Infinity);
}
