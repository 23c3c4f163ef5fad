import { partsOfRewrapKey, partsOfVerifiedKey, rewrapsPrefix, verifiedPrefix } from "../documents/layout.ts";
import type { BlobStore } from "../store/blob-store.ts";

/** By snapshot id, the keys of documents of one kind that are about it, by name alone: each still has to be read. Listed once, for whoever looks at many snapshots. */
export type KeysById = ReadonlyMap<string, readonly string[]>;

export function listCountersignatureKeys(blobs: BlobStore, cluster: string): Promise<KeysById> {
  return listBy(blobs, verifiedPrefix(cluster), (key) => partsOfVerifiedKey(cluster, key)?.id);
}

export function listRewrapKeys(blobs: BlobStore, cluster: string): Promise<KeysById> {
  return listBy(blobs, rewrapsPrefix(cluster), (key) => partsOfRewrapKey(cluster, key)?.id);
}

async function listBy(blobs: BlobStore, prefix: string, idIn: (key: string) => string | undefined): Promise<KeysById> {
  const keys = new Map<string, string[]>();
  for await (const { key } of blobs.list(prefix)) {
    const id = idIn(key);
    if (id !== undefined) keys.set(id, [...(keys.get(id) ?? []), key]);
  }
  return keys;
}
