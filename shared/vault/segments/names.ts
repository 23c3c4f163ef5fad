import {
  catalogPrefix,
  idInManifestKey,
  partsOfVerifiedKey,
  snapshotsPrefix,
  timeInCatalogKey,
  verifiedPrefix,
} from "../../documents/layout.ts";
import { compareIds } from "../../documents/slot.ts";
import type { BlobStore } from "../../store/blob-store.ts";

/** What a listing tells of an object: another that was put in its place since has another time, or another size. */
export interface ListedObject {
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface ListedCountersignature extends ListedObject {
  readonly key: string;
  readonly time: string;
}

/** What stands in the store about a cluster's snapshots, by names alone. */
export interface Names {
  /** Oldest first. */
  readonly ids: readonly string[];
  readonly manifests: ReadonlyMap<string, ListedObject>;
  /** By snapshot id, as the store lists them. */
  readonly verified: ReadonlyMap<string, readonly ListedCountersignature[]>;
  /** Segments of the catalog, the newest first. */
  readonly segments: readonly string[];
}

/** Three listings. Reads no object. */
export async function listNames(blobs: BlobStore, cluster: string, signal?: AbortSignal): Promise<Names> {
  const [manifests, verified, segments] = await Promise.all([
    listManifests(blobs, cluster, signal),
    listVerified(blobs, cluster, signal),
    listSegments(blobs, cluster, signal),
  ]);
  return { ids: [...manifests.keys()].toSorted(compareIds), manifests, verified, segments };
}

async function listManifests(blobs: BlobStore, cluster: string, signal: AbortSignal | undefined): Promise<Map<string, ListedObject>> {
  const manifests = new Map<string, ListedObject>();
  for await (const { key, bytes, modified } of blobs.list(snapshotsPrefix(cluster), { signal })) {
    const id = idInManifestKey(cluster, key);
    if (id !== undefined) manifests.set(id, { bytes, modifiedMs: modified.getTime() });
  }
  return manifests;
}

async function listVerified(
  blobs: BlobStore,
  cluster: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, readonly ListedCountersignature[]>> {
  const verified = new Map<string, ListedCountersignature[]>();
  for await (const { key, bytes, modified } of blobs.list(verifiedPrefix(cluster), { signal })) {
    const parts = partsOfVerifiedKey(cluster, key);
    if (parts === undefined) continue;
    const listed = { key, time: parts.time, bytes, modifiedMs: modified.getTime() };
    const before = verified.get(parts.id);
    if (before === undefined) verified.set(parts.id, [listed]);
    else before.push(listed);
  }
  return verified;
}

async function listSegments(blobs: BlobStore, cluster: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const times: string[] = [];
  for await (const { key } of blobs.list(catalogPrefix(cluster), { signal })) {
    const time = timeInCatalogKey(cluster, key);
    if (time !== undefined) times.push(time);
  }
  return times.toSorted(compareIds).toReversed();
}
