import { isLifeboatError, LifeboatError } from "../errors.ts";
import {
  clusterPrefix,
  CLUSTERS_PREFIX,
  idInManifestKey,
  isClusterName,
  manifestKey,
  partsOfVerifiedKey,
  snapshotsPrefix,
  verifiedPrefix,
} from "../documents/layout.ts";
import type { Manifest } from "../documents/manifest.ts";
import type { Verification } from "../documents/verification.ts";
import { digestOf, MAX_DOCUMENT_BYTES } from "../documents/signed-document.ts";
import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import { compareIds } from "../documents/slot.ts";
import type { KeysById } from "./keys-by-id.ts";
import { misplaced, openAt, readDocument } from "./read-document.ts";
import type { Vault } from "./vault.ts";
import { readSmall } from "../store/blob-store.ts";
import type { BlobStore } from "../store/blob-store.ts";

export interface FoundManifest {
  readonly manifest: Manifest;
  readonly digest: string;
}

/** A manifest as a record of the custody log names it. */
export function subjectOf({ manifest: { cluster, id }, digest }: FoundManifest): { readonly key: string; readonly digest: string } {
  return { key: manifestKey(cluster, id), digest };
}

/** The names of the clusters that have anything in the store, in order. */
export async function listClusters(blobs: BlobStore): Promise<string[]> {
  const names: string[] = [];
  for await (const folder of blobs.listFolders(CLUSTERS_PREFIX)) {
    const name = folder.slice(CLUSTERS_PREFIX.length, -1);
    if (isClusterName(name)) names.push(name);
  }
  return names.toSorted();
}

/** Whether the store has anything of a cluster. */
export async function holdsCluster(blobs: BlobStore, cluster: string): Promise<boolean> {
  for await (const _ of blobs.list(clusterPrefix(cluster))) return true;
  return false;
}

/** The ids of a cluster's snapshots, oldest first. */
export async function listIds(blobs: BlobStore, cluster: string, signal?: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for await (const { key } of blobs.list(snapshotsPrefix(cluster), { signal })) {
    const id = idInManifestKey(cluster, key);
    if (id !== undefined) ids.push(id);
  }
  return ids.toSorted(compareIds);
}

/** A snapshot's manifest, its signature and trust checked. `verify/missing` where there is none. */
export async function readManifest(vault: Vault, cluster: string, id: string): Promise<FoundManifest> {
  const key = manifestKey(cluster, id);
  const bytes = await readSmall(vault.blobs, key, MAX_DOCUMENT_BYTES);
  const manifest = await openAt("snapshot", vault, key, cluster, bytes);
  if (manifest.id !== id) throw misplaced(key, `snapshot ${manifest.id}`);
  return { manifest, digest: digestOf(bytes) };
}

/** The same; undefined where it does not hold, which `lifeboat ls` shows. */
export async function readIfHolds(vault: Vault, cluster: string, id: string): Promise<FoundManifest | undefined> {
  try {
    return await readManifest(vault, cluster, id);
  } catch (error) {
    if (!isLifeboatError(error, "verify/")) throw error;
    return undefined;
  }
}

/** The same, or what is wrong with it. */
export async function tryManifest(vault: Vault, cluster: string, id: string): Promise<FoundManifest | LifeboatError> {
  try {
    return await readManifest(vault, cluster, id);
  } catch (error) {
    if (!isLifeboatError(error, "verify/")) throw error;
    return error;
  }
}

/** When a countersignature was made, of which manifest, and what members confirmed: enough to list ten thousand. */
export type CountersignatureTime = Pick<Verification, "manifestDigest" | "verifiedAt" | "confirmed">;

export interface Countersignatures<Kept = Verification> {
  /** By snapshot id, oldest first. */
  readonly good: ReadonlyMap<string, readonly Kept[]>;
  /** Those that are not believed, with the reason. */
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
}

/** The countersignatures of one snapshot. They still have to be compared with the manifest's digest. */
export function readCountersignatures(vault: Vault, cluster: string, id: string): Promise<Countersignatures> {
  return collectCountersignatures(vault, cluster, listVerified(vault.blobs, cluster, id), (document) => document);
}

/** Those of one snapshot, which were listed before. */
export async function readListedCountersignatures(
  vault: Vault,
  cluster: string,
  id: string,
  listed: KeysById,
): Promise<readonly Verification[]> {
  const keys = (listed.get(id) ?? []).map((key) => ({ key, id }));
  return (await collectCountersignatures(vault, cluster, keys, (document) => document)).good.get(id) ?? [];
}

/** Of those that were listed before, when each was made and of what. */
export function readCountersignatureTimes(
  vault: Vault,
  cluster: string,
  listed: Iterable<VerifiedKey>,
): Promise<Countersignatures<CountersignatureTime>> {
  return collectCountersignatures(vault, cluster, listed, ({ manifestDigest, verifiedAt, confirmed }) => ({
    manifestDigest,
    verifiedAt,
    confirmed,
  }));
}

async function collectCountersignatures<Kept>(
  vault: Vault,
  cluster: string,
  listed: AsyncIterable<VerifiedKey> | Iterable<VerifiedKey>,
  keep: (document: Verification) => Kept,
): Promise<Countersignatures<Kept>> {
  const good = new Map<string, Kept[]>();
  const bad: { key: string; error: LifeboatError }[] = [];
  const found = mapConcurrently(listed, PARALLEL_READS, async ({ key, id }) => {
    const read = await readDocument(vault, "verification", cluster, key);
    return { id, read: read?.state === "opened" && read.document.id !== id ? misplacedAt(key, `snapshot ${read.document.id}`) : read };
  });
  for await (const { id, read } of found) {
    if (read?.state === "bad") bad.push({ key: read.key, error: read.error });
    // What another level is worth only a later version knows.
    else if (read?.state === "opened" && read.document.level === "deep") good.set(id, [...(good.get(id) ?? []), keep(read.document)]);
  }
  return { good, bad };
}

interface VerifiedKey {
  readonly key: string;
  readonly id: string;
}

async function* listVerified(blobs: BlobStore, cluster: string, id: string): AsyncGenerator<VerifiedKey, void, undefined> {
  for await (const { key } of blobs.list(verifiedPrefix(cluster, id))) if (partsOfVerifiedKey(cluster, key)?.id === id) yield { key, id };
}

function misplacedAt(key: string, whose: string): { readonly state: "bad"; readonly key: string; readonly error: LifeboatError } {
  return { state: "bad", key, error: misplaced(key, whose) };
}
