import { resolve } from "node:path";
import type { Clock, RandomBytes } from "../clock.ts";
import { findReplica } from "../config/find-replica.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { KeyRing, ReplicaKey } from "../keys/key-ring.ts";
import { LocalKeyRing } from "../keys/local/local-key-ring.ts";
import { LocalWrappingKey } from "../keys/local/local-wrapping-key.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";
import { StateFolder } from "../host/files/state-folder.ts";
import { GuardedStore } from "../vault/place/guarded-store.ts";
import type { Guard } from "../vault/place/guarded-store.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { isStoreThere } from "../store/directory/places.ts";
import { DirectoryBlobStore } from "../store/directory/directory-store.ts";
import type { Replica } from "../store/replica.ts";

/** The part of the composition root that opens stores and keys. Adapters that take long to load are loaded only where one is asked for. */

export interface Lent {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Undefined where this host keeps nothing, such as in a function. */
  readonly stateFolder: string | undefined;
}

/** Which stores a command may make where there is none: a backup all, a copy the replicas. */
export type Makes = "nothing" | "replicas" | "all";

interface Opened {
  readonly blobs: BlobStore;
  readonly guard: Guard;
}

/** A store, and what tells whether it is the right one. */
export async function openStore(store: Config["store"], directory: string, lent: Lent, trusted: TrustedKeys): Promise<Opened> {
  const { clock, randomBytes, stateFolder } = lent;
  const records = stateFolder === undefined ? undefined : new StateFolder(stateFolder);
  const guard = { mustExist: store.mustExist === true, records, trusted, clock };
  if (store.kind === "directory") {
    const root = resolve(directory, store.path);
    return { blobs: new DirectoryBlobStore(root, randomBytes), guard: { ...guard, isThere: () => isStoreThere(root) } };
  }
  const { S3BlobStore } = await import("../store/s3/s3-store.ts");
  return { blobs: new S3BlobStore(store, clock, randomBytes), guard: { ...guard, isThere: () => Promise.resolve(true) } };
}

/** The store of the configuration. With `maker`, the keys that mark a new one, it may be made. */
export async function openGuarded(
  store: Config["store"],
  { config, directory }: LoadedConfig,
  lent: Lent,
  maker: KeyRing | undefined,
): Promise<BlobStore> {
  const { blobs, guard } = await openStore(store, directory, lent, config.trustedKeys);
  return new GuardedStore(blobs, guard, maker);
}

export async function openKeys(keys: Config["keys"], directory: string): Promise<KeyRing> {
  if (keys.kind === "local") return new LocalKeyRing(resolve(directory, keys.path));
  const { KmsKeyRing } = await import("../keys/kms/kms-key-ring.ts");
  return new KmsKeyRing(keys);
}

/** The store, and its replicas in the order of the configuration; or the replica `from` in its place, and the store as `primary` among the others. */
export async function openStores(
  loaded: LoadedConfig,
  lent: Lent,
  { keys, makes, from }: { readonly keys: KeyRing; readonly makes: Makes; readonly from: string | undefined },
): Promise<{ readonly blobs: BlobStore; readonly replicas: readonly Replica[] }> {
  const { store, replicas } = loaded.config;
  const chosen = from === undefined ? undefined : findReplica(replicas, from);
  const open = async (place: Config["store"], mayMake: boolean): Promise<BlobStore> =>
    openGuarded(place, loaded, lent, mayMake ? keys : undefined);
  const primary = await open(store, makes === "all");
  const opened = await Promise.all(replicas.map(async (each) => ({ name: each.name, blobs: await open(each.store, makes !== "nothing") })));
  const read = opened.find(({ name }) => name === chosen?.name);
  if (read === undefined) return { blobs: primary, replicas: opened };
  return { blobs: read.blobs, replicas: [{ name: "primary", blobs: primary }, ...opened.filter((each) => each !== read)] };
}

/** Of those replicas that have a wrapping key of their own; `firstKey` is that of the replica `from`. */
export async function openReplicaKeys(
  { replicas }: Config,
  from: string | undefined,
): Promise<{ readonly replicaKeys: readonly ReplicaKey[]; readonly firstKey?: ReplicaKey }> {
  const replicaKeys: ReplicaKey[] = [];
  let firstKey: ReplicaKey | undefined;
  for (const { name, wrap } of replicas) {
    if (wrap === undefined) continue;
    const key = await openReplicaKey(name, wrap);
    replicaKeys.push(key);
    if (name === from) firstKey = key;
  }
  return { replicaKeys, ...(firstKey === undefined ? {} : { firstKey }) };
}

async function openReplicaKey(name: string, wrap: NonNullable<Config["replicas"][number]["wrap"]>): Promise<ReplicaKey> {
  if (wrap.kind === "local") return new LocalWrappingKey(wrap.recipient);
  const { KmsWrappingKey } = await import("../keys/kms/kms-wrapping-key.ts");
  return new KmsWrappingKey(wrap, `replicas.${name}.wrap`);
}
