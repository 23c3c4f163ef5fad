import type { SegmentRow } from "../../documents/catalog.ts";
import { indexKey, verifiedKey } from "../../documents/layout.ts";
import type { BlobVersion } from "../../store/blob-store.ts";
import { judge } from "../../vault/judge.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { pinOf } from "../../vault/pins.ts";
import { listNames } from "../../vault/segments/names.ts";
import { readSegments } from "../../vault/segments/read.ts";
import type { SnapshotRow } from "./facts.ts";
import type { Holding } from "./inventory.ts";
import { readSidecars } from "./sidecars.ts";

/** What segments tell of a cluster's snapshots, by id. */
export async function catalogRows(
  ports: JudgePorts,
  cluster: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, SegmentRow>> {
  return (await readSegments(ports, cluster, await listNames(ports.blobs, cluster, signal), { signal })).rows;
}

/** Whether all that stands of a snapshot is what a row of the catalog tells of, and each object once; pins and the like come on top. Else it takes the documents to tell what the rest is. */
export function isAllOf(row: SegmentRow, cluster: string, { id, manifest, sidecars, data, indexes }: Holding): boolean {
  const isSame = (said: { readonly bytes: number; readonly modified: string }, versions: readonly BlobVersion[]): boolean => {
    const [only] = versions;
    return (
      versions.length === 1 &&
      only?.isDeleteMarker === false &&
      only.bytes === said.bytes &&
      only.modified.getTime() === Date.parse(said.modified)
    );
  };
  const countersignatures = sidecars.filter(({ kind }) => kind === "verification");
  const times = new Set(row.verified.map(({ time }) => indexKey(cluster, id, time)));
  const [only] = data;
  return (
    isSame(row, manifest) &&
    countersignatures.length === row.verified.length &&
    row.verified.every((each) => isSame(each, versionsOf(countersignatures, verifiedKey(cluster, id, each.time)))) &&
    data.length === 1 &&
    only?.isDeleteMarker === false &&
    only.bytes === row.storedBytes &&
    sidecars.every(({ isDeleteMarker }) => !isDeleteMarker) &&
    indexes.every(({ key, isDeleteMarker }) => times.has(key) && !isDeleteMarker)
  );
}

function versionsOf(versions: readonly BlobVersion[], key: string): readonly BlobVersion[] {
  return versions.filter((each) => each.key === key);
}

/** The same row as of the documents, but for the digests. What is not in segments, as pins, is read. */
export async function rowOfCatalog(
  ports: JudgePorts,
  cluster: string,
  holding: Holding,
  { digest, lineage, proof, quarantine, verified }: SegmentRow,
  signal: AbortSignal | undefined,
): Promise<SnapshotRow> {
  const { id, data, indexes } = holding;
  const sidecars = holding.sidecars.filter(({ kind }) => kind !== "verification");
  const { pins, unknown } = await readSidecars(ports, cluster, { ...holding, sidecars }, signal);
  const { counts, isPinned, doubts } = pinOf({ byId: new Map([[id, pins]]), faults: [] }, { id, digest });
  const countersignatures = verified.map(({ confirmed }) => ({ manifestDigest: digest, confirmed }));
  return {
    id,
    manifest: {
      digest,
      lineage,
      lacks: judge(ports, { manifest: { cluster, id, proof, quarantine }, digest }, countersignatures).map(({ reason }) => reason),
      named: new Set([...data, ...indexes].map(({ key }) => key)),
      evidence: undefined,
    },
    pin: isPinned === true && counts !== undefined ? { reason: counts.pin.reason } : undefined,
    unknown: [...unknown, ...(isPinned === undefined ? doubts.map(({ message }) => message) : [])],
  };
}
