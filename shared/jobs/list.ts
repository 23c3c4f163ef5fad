import { LifeboatError } from "../errors.ts";
import { revisionOf } from "../documents/content.ts";
import type { Lack } from "../documents/good.ts";
import { outcomeOf } from "../documents/proof.ts";
import type { ProofOutcome } from "../documents/proof.ts";
import { parseId } from "../documents/slot.ts";
import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import { TRAILER_BYTES } from "../snapshot/trailer.ts";
import { listIds, readCountersignatureTimes, tryManifest } from "../vault/catalog.ts";
import type { CountersignatureTime, FoundManifest } from "../vault/catalog.ts";
import { judge } from "../vault/judge.ts";
import type { JudgePorts } from "../vault/judge.ts";
import { pinOf, readPins } from "../vault/pins.ts";
import type { PinFault, Pins, PinState } from "../vault/pins.ts";

/** A snapshot as it is listed, or what is wrong with its manifest. A row and no manifest, of which ten thousand would fill the memory. */
export type Listed = { readonly cluster: string; readonly id: string } & (SnapshotRow | { readonly error: LifeboatError });

export interface SnapshotRow {
  readonly startedAt: string;
  readonly createdAt: string;
  /** Of etcd's database, without its trailer; and as it is stored. */
  readonly databaseBytes: number;
  readonly storedBytes: number;
  readonly revision: number;
  readonly lineage: number;
  readonly proof: ProofOutcome;
  readonly quarantined: boolean;
  readonly manifestDigest: string;
  /** When the newest countersignature of exactly this manifest was made. */
  readonly verifiedAt: string | undefined;
  /** What it lacks to be good. */
  readonly lacks: readonly Lack[];
  readonly pin: PinState;
}

export interface Listing {
  readonly snapshots: readonly Listed[];
  /** Countersignatures that are not believed. */
  readonly badCountersignatures: readonly { readonly key: string; readonly error: LifeboatError }[];
  /** What keeps it from being known whether one of them is pinned. */
  readonly badPins: readonly PinFault[];
  /** The refs of all that there are, also of those that were not asked for. */
  readonly refs: ReadonlySet<string>;
}

export interface ListOptions {
  /** So many of the newest. */
  readonly limit?: number | undefined;
  /** By what each stands for. */
  readonly since?: Date | undefined;
}

/** A cluster's snapshots, oldest first. Reads metadata only, and only of those that are asked for. */
export async function listSnapshots(ports: JudgePorts, cluster: string, { limit, since }: ListOptions = {}): Promise<Listing> {
  const all = await listIds(ports.blobs, cluster);
  const late = since === undefined ? all : all.filter((id) => (parseId(id)?.slot ?? since) >= since);
  const ids = limit === undefined ? late : late.slice(-limit);
  const asked = ids.length === all.length ? undefined : new Set(ids);
  const [countersignatures, pins] = await Promise.all([
    readCountersignatureTimes(ports, cluster, asked),
    readPins(ports, cluster, undefined, asked),
  ]);
  const pinFaults = Map.groupBy(pins.faults, ({ id }) => id);
  const snapshots: Listed[] = [];
  const listed = mapConcurrently(ids, PARALLEL_READS, (id) =>
    listOne(ports, cluster, id, countersignatures.good.get(id) ?? [], { byId: pins.byId, faults: pinFaults.get(id) ?? [] }),
  );
  for await (const each of listed) snapshots.push(each);
  const badPins = snapshots.flatMap((each) => ("pin" in each ? each.pin.doubts : []));
  return { snapshots, badCountersignatures: countersignatures.bad, badPins, refs: new Set(all.map((id) => `${cluster}/${id}`)) };
}

async function listOne(
  ports: JudgePorts,
  cluster: string,
  id: string,
  countersignatures: readonly CountersignatureTime[],
  pins: Pins,
): Promise<Listed> {
  const found = await tryManifest(ports, cluster, id);
  if (found instanceof LifeboatError) return { cluster, id, error: found };
  const pin = pinOf(pins, { id, digest: found.digest });
  return { cluster, id, ...rowOf(found, countersignatures), lacks: judge(ports, found, countersignatures), pin };
}

function rowOf(
  { manifest, digest }: FoundManifest,
  countersignatures: readonly CountersignatureTime[],
): Omit<SnapshotRow, "lacks" | "pin"> {
  const { proof } = manifest;
  return {
    startedAt: manifest.startedAt,
    createdAt: manifest.createdAt,
    databaseBytes: manifest.snapshot.bytes - TRAILER_BYTES,
    storedBytes: manifest.stored.bytes,
    revision: revisionOf(manifest),
    lineage: manifest.lineage,
    proof: outcomeOf(proof),
    quarantined: manifest.quarantine !== undefined,
    manifestDigest: digest,
    verifiedAt: countersignatures.findLast(({ manifestDigest }) => manifestDigest === digest)?.verifiedAt,
  };
}
