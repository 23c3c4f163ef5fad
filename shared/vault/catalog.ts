import { requireWitness } from "./custody/witness.ts";
import type { Announced } from "./custody/witness.ts";
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
import { digestOf, MAX_DOCUMENT_BYTES, openDocument, openLaterKind } from "../documents/signed-document.ts";
import type { DocumentOf, TrustedKeys } from "../documents/signed-document.ts";
import { compareIds } from "../documents/slot.ts";
import { readSmall } from "../store/blob-store.ts";
import type { BlobStore } from "../store/blob-store.ts";

/** Where signed documents are read, and whose are believed. */
export interface Vault {
  readonly blobs: BlobStore;
  readonly trusted: TrustedKeys;
}

export interface FoundManifest {
  readonly manifest: Manifest;
  readonly digest: string;
}

/** The names of the clusters that have anything in the store, in order. */
export async function listClusters(blobs: BlobStore): Promise<string[]> {
  const names = new Set<string>();
  for await (const { key } of blobs.list(CLUSTERS_PREFIX)) {
    const name = key.slice(CLUSTERS_PREFIX.length).split("/", 1)[0] ?? "";
    if (isClusterName(name)) names.add(name);
  }
  return [...names].toSorted();
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

/** 16 documents are read at a time: enough to hide the latency of an object store. */
export const PARALLEL_READS = 16;

export interface Countersignatures {
  /** By snapshot id, oldest first. */
  readonly good: ReadonlyMap<string, readonly Verification[]>;
  /** Those that are not believed, with the reason. */
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
}

/** The countersignatures of one snapshot, of some, or of the whole cluster's. They still have to be compared with the manifest's digest. */
export async function readCountersignatures(vault: Vault, cluster: string, ids?: string | ReadonlySet<string>): Promise<Countersignatures> {
  const good = new Map<string, Verification[]>();
  const bad: { key: string; error: LifeboatError }[] = [];
  const one = typeof ids === "string" ? ids : undefined;
  const isAsked = (id: string): boolean => ids === undefined || (typeof ids === "string" ? id === ids : ids.has(id));
  for await (const { key } of vault.blobs.list(verifiedPrefix(cluster, one))) {
    const parts = partsOfVerifiedKey(cluster, key);
    if (parts === undefined || !isAsked(parts.id)) continue;
    try {
      const bytes = await readSmall(vault.blobs, key, MAX_DOCUMENT_BYTES);
      if (openLaterKind(bytes, vault.trusted, key) !== undefined) continue;
      const document = await openAt("verification", vault, key, cluster, bytes);
      if (document.id !== parts.id) throw misplaced(key, `snapshot ${document.id}`);
      good.set(parts.id, [...(good.get(parts.id) ?? []), document]);
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
      bad.push({ key, error });
    }
  }
  return { good, bad };
}

/** The kinds that a record of the custody log announces. */
type AnnouncedKind = Announced["type"];

/**
 * A document that was read from `key`, its signature, trust and cluster checked, and of a key with an end, that the custody log witnesses it; the rest of its place is the caller's to hold it against.
 */
export async function openAt<K extends AnnouncedKind>(
  kind: K,
  vault: Vault,
  key: string,
  cluster: string,
  bytes: Uint8Array,
): Promise<DocumentOf<K>> {
  const document = openDocument(kind, bytes, vault.trusted, key);
  if (document.cluster !== cluster) throw misplaced(key, `cluster ${document.cluster}`);
  await requireWitness(vault, cluster, key, document);
  return document;
}

function misplaced(key: string, whose: string): LifeboatError {
  return new LifeboatError("verify/format", `${key} holds a document of ${whose}: it was put in another's place`, {
    hint: "find out who changed the store",
  });
}
