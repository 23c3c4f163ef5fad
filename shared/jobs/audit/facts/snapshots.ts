import { known, unknown } from "../../../audit/facts.ts";
import type { BelievedSnapshot, ClusterPolicy, DataFact, Fact, SnapshotFact } from "../../../audit/facts.ts";
import { manifestKey } from "../../../documents/layout.ts";
import { parseId } from "../../../documents/slot.ts";
import { mapConcurrently, PARALLEL_READS } from "../../../map-concurrently.ts";
import type { BlobStore } from "../../../store/blob-store.ts";
import type { Listed } from "../../list.ts";
import { learn } from "./learn.ts";
import type { ObjectFacts } from "./objects.ts";

/** What its documents say of a snapshot. */
export type RowFact = { readonly id: string; readonly slot: number } & (
  | BelievedRow
  | { readonly error: { readonly code: string; readonly message: string } }
);
export type BelievedRow = Omit<BelievedSnapshot, "data" | "lockedUntil">;

/** What is asked besides of what was listed. */
interface Asked {
  readonly blobs: BlobStore;
  readonly cluster: string;
  readonly policy: Pick<ClusterPolicy, "lockMs" | "keepsDataElsewhere"> | undefined;
  readonly objects: Fact<ObjectFacts>;
}

export function rowFact(listed: Listed): RowFact {
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
  };
}

export function isBelievedRow(row: RowFact): row is RowFact & BelievedRow {
  return !("error" in row);
}

/** The same with the data that the store lists, and where it is to lock, its word on each lock. */
export async function snapshotFacts(asked: Asked, rows: readonly RowFact[], signal?: AbortSignal): Promise<readonly SnapshotFact[]> {
  if (asked.policy?.lockMs === undefined)
    return rows.map((row) => (isBelievedRow(row) ? { ...row, data: dataOf(asked, row), lockedUntil: NOT_ASKED } : row));
  const facts: SnapshotFact[] = [];
  const looked = mapConcurrently(rows, PARALLEL_READS, async (row): Promise<SnapshotFact> =>
    isBelievedRow(row) ? { ...row, data: dataOf(asked, row), lockedUntil: await lockOf(asked, row.id, signal) } : row,
  );
  for await (const fact of looked) facts.push(fact);
  return facts;
}

const ELSEWHERE = known({ state: "elsewhere" as const });
const MISSING = known({ state: "missing" as const });
const PRESENT = known({ state: "present" as const });

/** Which object is the snapshot's own the manifest says; beside it may lie what a run left that lost the race for the slot. */
function dataOf({ policy, objects }: Asked, { id, storedBytes }: { readonly id: string; readonly storedBytes: number }): Fact<DataFact> {
  if (policy?.keepsDataElsewhere === true) return ELSEWHERE;
  if (!objects.known) return objects;
  const of = objects.value.data.get(id) ?? [];
  const [first] = of;
  if (first === undefined) return MISSING;
  return of.some(({ bytes }) => bytes === storedBytes) ? PRESENT : known({ state: "wrong-size", bytes: first.bytes });
}

/** The earlier of its manifest's and its data's: without either it is nothing. */
async function lockOf({ blobs, cluster, objects }: Asked, id: string, signal: AbortSignal | undefined): Promise<Fact<number | undefined>> {
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
