import { LifeboatError } from "../errors.ts";
import type { SegmentRow } from "../documents/catalog.ts";
import { revisionOf } from "../documents/content.ts";
import type { Lack } from "../documents/good.ts";
import { outcomeOf } from "../documents/proof.ts";
import type { ProofOutcome } from "../documents/proof.ts";
import { parseId } from "../documents/slot.ts";
import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import { TRAILER_BYTES } from "../snapshot/trailer.ts";
import { readCountersignatureTimes, tryManifest } from "../vault/catalog.ts";
import type { CountersignatureTime, FoundManifest } from "../vault/catalog.ts";
import { judge } from "../vault/judge.ts";
import type { JudgePorts } from "../vault/judge.ts";
import { pinOf, readPins } from "../vault/pins.ts";
import type { PinFault, Pins, PinState } from "../vault/pins.ts";
import { listNames } from "../vault/segments/names.ts";
import { readSegments } from "../vault/segments/read.ts";
import type { Segments } from "../vault/segments/read.ts";

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

/** What a segment of the catalog says of a snapshot, and its documents do not. */
export interface CatalogDifference {
  readonly id: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
}

export interface Listing {
  readonly snapshots: readonly Listed[];
  /** Countersignatures that are not believed. */
  readonly badCountersignatures: readonly { readonly key: string; readonly error: LifeboatError }[];
  /** What keeps it from being known whether one of them is pinned. */
  readonly badPins: readonly PinFault[];
  /** Segments of the catalog that are not believed: what they would have told was read one by one. */
  readonly badSegments: Segments["bad"];
  /** What segments tell of the custody log; nothing where none were read. */
  readonly log: Pick<Segments, "log" | "witness">;
  /** Where all was read: what segments tell otherwise. Undefined where it was not asked for. */
  readonly differences: readonly CatalogDifference[] | undefined;
  /** The refs of all that there are, also of those that were not asked for. */
  readonly refs: readonly string[];
}

export interface ListOptions {
  /** So many of the newest. */
  readonly limit?: number | undefined;
  /** By what each stands for. */
  readonly since?: Date | undefined;
  /** Reads every document, and compares what segments of the catalog say of them. */
  readonly full?: boolean | undefined;
  /** What segments tell of the custody log is wanted as well: they are read also where snapshots are few. */
  readonly wantsLog?: boolean | undefined;
}

/** Of fewer snapshots the documents themselves are read: segments of all would cost more. */
const FEW = 32;

/**
 * A cluster's snapshots, oldest first. Reads metadata only, and only of those that are asked for: of what segments of the catalog tell, whose signatures are checked, the documents are not read unless `full`.
 */
export async function listSnapshots(ports: JudgePorts, cluster: string, options: ListOptions = {}): Promise<Listing> {
  const { limit, since, full, wantsLog } = options;
  const names = await listNames(ports.blobs, cluster);
  const all = names.ids;
  const late = since === undefined ? all : all.filter((id) => (parseId(id)?.slot ?? since) >= since);
  const ids = limit === undefined ? late : late.slice(-limit);
  const asked = ids.length === all.length ? undefined : new Set(ids);
  const [{ rows, bad: badSegments, log, witness }, pins] = await Promise.all([
    ids.length < FEW && full !== true && wantsLog !== true ? NO_SEGMENTS : readSegments(ports, cluster, names, { wantsLog }),
    readPins(ports, cluster, undefined, asked),
  ]);
  const known = full === true ? NO_ROWS : rows;
  const toRead = ids.filter((id) => !known.has(id)).flatMap((id) => (names.verified.get(id) ?? []).map(({ key }) => ({ key, id })));
  const countersignatures = await readCountersignatureTimes(ports, cluster, toRead);
  const pinFaults = Map.groupBy(pins.faults, ({ id }) => id);
  const snapshots: Listed[] = [];
  const differences: CatalogDifference[] = [];
  const listed = mapConcurrently(ids, PARALLEL_READS, async (id) => {
    const row = known.get(id);
    const its = { byId: pins.byId, faults: pinFaults.get(id) ?? [] };
    if (row !== undefined) return rowOfSegment(ports, cluster, row, its);
    return listOne(ports, cluster, id, countersignatures.good.get(id) ?? [], its);
  });
  for await (const each of listed) {
    snapshots.push(each);
    const row = full === true ? rows.get(each.id) : undefined;
    if (row !== undefined) differences.push(...differencesIn(each, rowOfSegment(ports, cluster, row, { byId: pins.byId, faults: [] })));
  }
  const badPins = snapshots.flatMap((each) => ("pin" in each ? each.pin.doubts : []));
  return {
    snapshots,
    badCountersignatures: countersignatures.bad,
    badPins,
    badSegments,
    log: { log, witness },
    differences: full === true ? differences : undefined,
    refs: all.map((id) => `${cluster}/${id}`),
  };
}

const NO_ROWS: Segments["rows"] = new Map();
const NO_SEGMENTS: Omit<Segments, "segments"> = { rows: NO_ROWS, log: new Map(), witness: undefined, bad: [] };

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

/** The same out of a segment, of which every countersignature is of this manifest. */
function rowOfSegment(ports: JudgePorts, cluster: string, row: SegmentRow, pins: Pins): Listed & SnapshotRow {
  const { id, digest, proof, quarantine, verified } = row;
  const countersignatures = verified.map(({ confirmed }) => ({ manifestDigest: digest, confirmed }));
  return {
    cluster,
    id,
    startedAt: row.startedAt,
    createdAt: row.createdAt,
    databaseBytes: row.snapshotBytes - TRAILER_BYTES,
    storedBytes: row.storedBytes,
    revision: row.revision,
    lineage: row.lineage,
    proof: outcomeOf(proof),
    quarantined: quarantine !== undefined,
    manifestDigest: digest,
    verifiedAt: verified.at(-1)?.verifiedAt,
    lacks: judge(ports, { manifest: { cluster, id, proof, quarantine }, digest }, countersignatures),
    pin: pinOf(pins, { id, digest }),
  };
}

/** Whether pins count is read either way. */
function differencesIn(read: Listed, said: SnapshotRow): readonly CatalogDifference[] {
  const { id } = read;
  if ("error" in read) return [{ id, message: `the catalog tells of it, and its manifest is not believed: ${read.error.message}` }];
  const fields = COMPARED.filter((field) => JSON.stringify(read[field]) !== JSON.stringify(said[field]));
  return fields.length === 0 ? [] : [{ id, message: `the catalog and its documents differ in ${fields.join(", ")}` }];
}

const COMPARED = [
  "startedAt",
  "createdAt",
  "databaseBytes",
  "storedBytes",
  "revision",
  "lineage",
  "proof",
  "quarantined",
  "manifestDigest",
  "verifiedAt",
  "lacks",
] as const satisfies readonly (keyof SnapshotRow)[];
