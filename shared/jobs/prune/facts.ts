import { attentionOfLineage, needsAcceptance } from "../../documents/lineages.ts";
import type { LineageAttention } from "../../documents/lineages.ts";
import { whyLater } from "../../documents/manifest.ts";
import { compareIds } from "../../documents/slot.ts";
import { objectsOf } from "../../documents/stored.ts";
import type { StoredObject } from "../../documents/stored.ts";
import { LifeboatError } from "../../errors.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { tryManifest } from "../../vault/catalog.ts";
import { judge } from "../../vault/judge.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { openFaults, readLineages } from "../../vault/lineage/lineages.ts";
import type { Lineages } from "../../vault/lineage/lineages.ts";
import { pinOf } from "../../vault/pins.ts";
import { catalogRows, isAllOf, rowOfCatalog } from "./catalog-rows.ts";
import { takeInventory } from "./inventory.ts";
import type { Holding, Inventory } from "./inventory.ts";
import { readSidecars } from "./sidecars.ts";

/** What retention has to know of a snapshot, read from the store and checked: a row and no manifest, since there may be ten thousand. */
export interface SnapshotRow {
  readonly id: string;
  /** Undefined where its manifest does not hold. */
  readonly manifest: ManifestRow | undefined;
  readonly pin: { readonly reason: string } | undefined;
  /** Facts that could not be learned, a sentence each: then it is kept. */
  readonly unknown: readonly string[];
}

export interface ManifestRow {
  /** Of the manifest object's bytes. */
  readonly digest: string;
  readonly lineage: number;
  /** What it lacks to be good, a sentence each. */
  readonly lacks: readonly string[];
  /** Keys of the data and of the indexes that its documents name. */
  readonly named: ReadonlySet<string>;
  /** Undefined where a segment of the catalog tells of it, and its documents were not read. */
  readonly evidence: Evidence | undefined;
}

/** By what an order says which objects it means, as the documents have it. */
export interface Evidence {
  readonly objects: readonly Pick<StoredObject, "key" | "bytes" | "sha256" | "version">[];
  /** Of the manifest, the documents beside it and the indexes that these name, by key: the digest of the bytes. */
  readonly digests: ReadonlyMap<string, string>;
}

export interface PruneFacts {
  readonly inventory: Inventory;
  /** Of each snapshot that has a manifest in the store, by id, oldest first. */
  readonly rows: ReadonlyMap<string, SnapshotRow>;
  readonly lineages: Lineages;
  /** Why the cluster's lineage waits for a person. */
  readonly attention: LineageAttention | undefined;
  /** Whether anything stands in the place of a lineage that is not believed and that nobody has settled. */
  readonly hasOpenFaults: boolean;
}

export interface FactsOptions {
  /** Believes segments of the catalog for what they tell of: for a look, and never for a removal. */
  readonly byCatalog?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads what a cluster has in the store: one listing, each manifest, and the documents beside it. Changes nothing. */
export async function readFacts(ports: JudgePorts, cluster: string, { byCatalog = false, signal }: FactsOptions = {}): Promise<PruneFacts> {
  const known = byCatalog ? await catalogRows(ports, cluster, signal) : undefined;
  const inventory = await takeInventory(ports.blobs, cluster, signal);
  const lineages = await readLineages(ports, cluster, signal);
  const rows = new Map<string, SnapshotRow>();
  const rowOf = async (holding: Holding): Promise<SnapshotRow> => {
    const said = known?.get(holding.id);
    return said !== undefined && isAllOf(said, cluster, holding)
      ? rowOfCatalog(ports, cluster, holding, said, signal)
      : readRow(ports, cluster, holding, signal);
  };
  const listed = [...inventory.holdings.values()]
    .filter(({ manifest }) => manifest.some(({ isDeleteMarker }) => !isDeleteMarker))
    .toSorted((one, other) => compareIds(one.id, other.id));
  for await (const row of mapConcurrently(listed, PARALLEL_READS, (holding) => rowOf(holding))) {
    signal?.throwIfAborted();
    rows.set(row.id, row);
  }
  return {
    inventory,
    rows,
    lineages,
    attention: attentionOfLineage(cluster, lineages.links.at(-1)),
    hasOpenFaults: openFaults(lineages).length > 0,
  };
}

/** Whether nothing of a lineage may go: a later one waits for a person's word, or something in the place of one is not believed. */
export function freezeOf(
  { lineages: { links }, hasOpenFaults }: Pick<PruneFacts, "lineages" | "hasOpenFaults">,
  number: number,
): { readonly frozen: boolean; readonly reason?: string } {
  if (hasOpenFaults) return { frozen: true, reason: "a stored lineage or acceptance is not believed" };
  const waiting = links.find((each) => each.lineage.number > number && needsAcceptance(each));
  return waiting === undefined ? { frozen: false } : { frozen: true, reason: `lineage ${waiting.lineage.number} is not accepted` };
}

async function readRow(ports: JudgePorts, cluster: string, holding: Holding, signal: AbortSignal | undefined): Promise<SnapshotRow> {
  const { id, manifest: versions, sidecars } = holding;
  const unknown: string[] = [];
  const shown = versions.find(({ isLatest }) => isLatest);
  if (shown === undefined || shown.isDeleteMarker) {
    unknown.push("its manifest is hidden behind a delete marker, which lifeboat never makes");
    return { id, manifest: undefined, pin: undefined, unknown };
  }
  if (versions.length > 1) unknown.push("its manifest was written more than once, which lifeboat never does");
  const [found, documents] = await Promise.all([tryManifest(ports, cluster, id), readSidecars(ports, cluster, holding, signal)]);
  unknown.push(...documents.unknown);
  if (sidecars.some(({ isDeleteMarker }) => isDeleteMarker)) unknown.push("a document beside it is hidden behind a delete marker");
  if (found instanceof LifeboatError) return { id, manifest: undefined, pin: undefined, unknown: [found.message, ...unknown] };
  const { manifest, digest } = found;
  const other = documents.countersignatures.find(({ manifestDigest }) => manifestDigest !== digest);
  if (other !== undefined)
    unknown.push(`a document beside it countersigns another manifest, ${other.manifestDigest}: this one may stand in its place`);
  const later = whyLater(manifest);
  if (later !== undefined) unknown.push(`it is of a later version of lifeboat: ${later}`);
  const { counts, isPinned, doubts } = pinOf({ byId: new Map([[id, documents.pins]]), faults: [] }, { id, digest });
  if (isPinned === undefined) unknown.push(...doubts.map(({ message }) => message));
  const objects = objectsOf(manifest.stored).map(({ key, bytes, sha256, version }) => ({
    key,
    bytes,
    sha256,
    ...(version === undefined ? {} : { version }),
  }));
  return {
    id,
    manifest: {
      digest,
      lineage: manifest.lineage,
      lacks: judge(ports, found, documents.countersignatures).map(({ reason }) => reason),
      named: new Set([...objects.map(({ key }) => key), ...documents.digests.keys()]),
      evidence: { objects, digests: new Map([[shown.key, digest], ...documents.digests]) },
    },
    pin: isPinned === true && counts !== undefined ? { reason: counts.pin.reason } : undefined,
    unknown,
  };
}
