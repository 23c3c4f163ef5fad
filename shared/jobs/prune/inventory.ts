import { bundlesPrefix, clusterPrefix, kindOfKey } from "../../documents/layout.ts";
import type { SidecarKind } from "../../documents/layout.ts";
import type { BlobStore, BlobVersion } from "../../store/blob-store.ts";

/** All that stands in the store about one snapshot, every version and delete marker of it. Of one key the latest comes first. */
export interface Holding {
  readonly id: string;
  readonly manifest: readonly BlobVersion[];
  readonly sidecars: readonly Sidecar[];
  readonly data: readonly BlobVersion[];
  /** Indexes of its keys, which countersignatures name. */
  readonly indexes: readonly BlobVersion[];
  /** Files of restore bundles that were published of it: without the snapshot they open nothing. */
  readonly bundles: readonly BlobVersion[];
}

export interface Sidecar extends BlobVersion {
  readonly kind: SidecarKind;
}

export interface Inventory {
  readonly holdings: ReadonlyMap<string, Holding>;
  /** Lineages and their acceptances, which are about all snapshots. */
  readonly lineage: readonly BlobVersion[];
  /** The keys of objects that lifeboat does not write, at most 20 of them, and how many there are. */
  readonly foreign: { readonly keys: readonly string[]; readonly count: number };
  /** Of all versions of everything that the cluster has in the store. */
  readonly bytes: number;
}

const MOST_FOREIGN = 20;

interface GrowingHolding {
  readonly id: string;
  manifest: BlobVersion[];
  sidecars: Sidecar[];
  data: BlobVersion[];
  indexes: BlobVersion[];
  bundles: BlobVersion[];
}

/** Two listings, of everything of a cluster and of its published bundles, by snapshot. Reads no object. */
export async function takeInventory(blobs: BlobStore, cluster: string, signal?: AbortSignal): Promise<Inventory> {
  const holdings = new Map<string, GrowingHolding>();
  const lineage: BlobVersion[] = [];
  const foreign: string[] = [];
  let foreignCount = 0;
  let before = "";
  let bytes = 0;
  for await (const version of listAll(blobs, cluster, signal)) {
    bytes += version.bytes;
    const kind = kindOfKey(cluster, version.key);
    // The versions of one key come one after the other.
    if (kind.kind === "foreign" && version.key !== before && ++foreignCount <= MOST_FOREIGN) foreign.push(version.key);
    before = version.key;
    if (kind.kind === "lineage") lineage.push(version);
    if (!("id" in kind)) continue;
    const holding = holdings.get(kind.id) ?? { id: kind.id, manifest: [], sidecars: [], data: [], indexes: [], bundles: [] };
    holdings.set(kind.id, holding);
    if (kind.kind === "manifest") holding.manifest = and(holding.manifest, version);
    else if (kind.kind === "data") holding.data = and(holding.data, version);
    else if (kind.kind === "index") holding.indexes = and(holding.indexes, version);
    else if (kind.kind === "bundle") holding.bundles = and(holding.bundles, version);
    else holding.sidecars = and(holding.sidecars, { ...version, kind: kind.kind });
  }
  return { holdings, lineage, foreign: { keys: foreign, count: foreignCount }, bytes };
}

/** Most have one: a list that grows by push from nothing has room for seventeen. */
function and<Item>(before: Item[], item: Item): Item[] {
  if (before.length === 0) return [item];
  before.push(item);
  return before;
}

async function* listAll(blobs: BlobStore, cluster: string, signal: AbortSignal | undefined): AsyncGenerator<BlobVersion, void, undefined> {
  yield* blobs.listVersions(clusterPrefix(cluster), { signal });
  yield* blobs.listVersions(bundlesPrefix(cluster), { signal });
}

/** Every object about a snapshot in the order in which it is removed: the manifest first, so that nothing half-removed is visible as a snapshot. */
export function objectsInTurn({ manifest, sidecars, indexes, data, bundles }: Holding): readonly BlobVersion[] {
  return [manifest, bundles, sidecars, indexes, data].flatMap(oldestFirst);
}

/** Of one key the oldest version goes first: until the last one what stands under it is what stood there. */
function oldestFirst(versions: readonly BlobVersion[]): readonly BlobVersion[] {
  return versions.toReversed();
}

export function bytesOf(holding: Holding): number {
  return objectsInTurn(holding).reduce((sum, { bytes }) => sum + bytes, 0);
}
