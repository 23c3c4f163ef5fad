import { resolve } from "node:path";
import type { Clock, RandomBytes } from "../clock.ts";
import type { CredentialSource } from "../cloud/credentials.ts";
import { findReplica } from "../config/find-replica.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { objectStoreOf } from "../config/store-schema.ts";
import type { ObjectStoreConfig } from "../config/store-schema.ts";
import type { DebugLog } from "../debug-log.ts";
import type { openClient as openKms } from "../keys/kms/client.ts";
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
import type { openClient as openS3 } from "../store/s3/client.ts";
import type { S3Pace, S3Settings } from "../store/s3/settings.ts";

/** The part of the composition root that opens stores and keys. Adapters that take long to load are loaded only where one is asked for. */

export interface StoreDependencies {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Undefined where this host keeps nothing, such as in a function. */
  readonly stateFolder: string | undefined;
  readonly debug?: DebugLog | undefined;
  /** What AWS is called with; undefined for the SDK's own default chain. */
  readonly credentials?: CredentialSource | undefined;
}

/** What keys are opened with. */
export type KeyDependencies = Pick<StoreDependencies, "clock" | "debug" | "credentials">;

/** Which stores a command may make where there is none: a backup all, a copy the replicas. */
export type CreatableStores = "nothing" | "replicas" | "all";

interface Opened {
  readonly blobs: BlobStore;
  readonly guard: Guard;
}

/** A store, and what tells whether it is the right one. */
export async function openStore(
  store: ObjectStoreConfig,
  directory: string,
  dependencies: StoreDependencies,
  trusted: TrustedKeys,
): Promise<Opened> {
  const { blobs, guard } = await openUntraced(store, directory, dependencies, trusted);
  if (dependencies.debug === undefined) return { blobs, guard };
  const { traceBlobs } = await import("./debug/blobs.ts");
  return { blobs: traceBlobs(blobs, dependencies.debug, dependencies.clock), guard };
}

async function openUntraced(
  store: ObjectStoreConfig,
  directory: string,
  dependencies: StoreDependencies,
  trusted: TrustedKeys,
): Promise<Opened> {
  const { clock, randomBytes, stateFolder } = dependencies;
  const records = stateFolder === undefined ? undefined : new StateFolder(stateFolder);
  const guard = { mustExist: store.mustExist === true, records, trusted, clock };
  if (store.kind === "directory") {
    const root = resolve(directory, store.path);
    return { blobs: new DirectoryBlobStore(root, randomBytes), guard: { ...guard, isThere: () => isStoreThere(root) } };
  }
  const { S3BlobStore } = await import("../store/s3/s3-store.ts");
  const open = isOrdinary(dependencies) ? undefined : await openedS3(store, dependencies);
  return {
    blobs: new S3BlobStore(store, clock, randomBytes, open?.pace, open?.client),
    guard: { ...guard, isThere: () => Promise.resolve(true) },
  };
}

/** Whether adapters may open their clients by themselves: nobody listens, and nobody has credentials of their own. */
function isOrdinary({ debug, credentials }: KeyDependencies): boolean {
  return debug === undefined && credentials === undefined;
}

/** What S3BlobStore else makes by itself: with credentials of its own, or telling of its requests and retries. */
async function openedS3(store: S3Settings, dependencies: KeyDependencies): Promise<{ pace: S3Pace; client: ReturnType<typeof openS3> }> {
  const { DEFAULT_PACE } = await import("../store/s3/settings.ts");
  const { debug } = dependencies;
  const pace = debug === undefined ? DEFAULT_PACE : { ...DEFAULT_PACE, onRetry: (text: string) => debug.log("retry", text) };
  return { pace, client: await openedClient(store, dependencies, pace) };
}

export async function openedClient(
  store: S3Settings,
  { debug, clock, credentials }: KeyDependencies,
  pace: S3Pace,
): Promise<ReturnType<typeof openS3>> {
  const { openClient } = await import("../store/s3/client.ts");
  const client = openClient(store, pace, credentials);
  if (debug !== undefined) (await import("./debug/aws.ts")).traceAws(debug, clock)(client);
  return client;
}

/** The store of the configuration. With `maker`, the keys that mark a new one, it may be made. */
export async function openGuarded(
  store: ObjectStoreConfig,
  { config, directory }: LoadedConfig,
  dependencies: StoreDependencies,
  maker: KeyRing | undefined,
): Promise<BlobStore> {
  const { blobs, guard } = await openStore(store, directory, dependencies, config.trustedKeys);
  return new GuardedStore(blobs, guard, maker);
}

export async function openKeys(keys: Config["keys"], directory: string, dependencies: KeyDependencies): Promise<KeyRing> {
  const ring = await openUntracedKeys(keys, directory, dependencies);
  if (dependencies.debug === undefined) return ring;
  const { traceKeys } = await import("./debug/keys.ts");
  return traceKeys(ring, dependencies.debug, dependencies.clock);
}

/** Undefined where the adapter opens its clients itself. */
export async function openingKms(dependencies: KeyDependencies): Promise<typeof openKms | undefined> {
  if (isOrdinary(dependencies)) return undefined;
  const { debug, clock, credentials } = dependencies;
  const { openClient } = await import("../keys/kms/client.ts");
  const watch = debug === undefined ? undefined : (await import("./debug/aws.ts")).traceAws(debug, clock);
  return (settings, region) => {
    const client = openClient(settings, region, credentials);
    watch?.(client);
    return client;
  };
}

async function openUntracedKeys(keys: Config["keys"], directory: string, dependencies: KeyDependencies): Promise<KeyRing> {
  if (keys.kind === "local") return new LocalKeyRing(resolve(directory, keys.path));
  const { KmsKeyRing } = await import("../keys/kms/kms-key-ring.ts");
  return new KmsKeyRing(keys, await openingKms(dependencies));
}

export interface OpenedStores {
  readonly blobs: BlobStore;
  readonly replicas: readonly Replica[];
}

/** The store, and its replicas in the order of the configuration; or the replica `from` in its place, and the store as `primary` among the others. */
export async function openStores(
  loaded: LoadedConfig,
  dependencies: StoreDependencies,
  { keys, makes, from }: { readonly keys: KeyRing; readonly makes: CreatableStores; readonly from: string | undefined },
): Promise<OpenedStores> {
  const { store, replicas } = loaded.config;
  const chosen = from === undefined ? undefined : findReplica(replicas, from);
  const open = async (place: Config["store"], mayMake: boolean): Promise<BlobStore> =>
    openGuarded(objectStoreOf(place), loaded, dependencies, mayMake ? keys : undefined);
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
  dependencies: KeyDependencies,
): Promise<{ readonly replicaKeys: readonly ReplicaKey[]; readonly firstKey?: ReplicaKey }> {
  const replicaKeys: ReplicaKey[] = [];
  let firstKey: ReplicaKey | undefined;
  for (const { name, wrap } of replicas) {
    if (wrap === undefined) continue;
    const key = await openReplicaKey(name, wrap, dependencies);
    replicaKeys.push(key);
    if (name === from) firstKey = key;
  }
  return { replicaKeys, ...(firstKey === undefined ? {} : { firstKey }) };
}

type WrapSettings = NonNullable<Config["replicas"][number]["wrap"]>;

async function openReplicaKey(name: string, wrap: WrapSettings, dependencies: KeyDependencies): Promise<ReplicaKey> {
  const key = await openUntracedReplicaKey(name, wrap, dependencies);
  if (dependencies.debug === undefined) return key;
  const { traceReplicaKey } = await import("./debug/keys.ts");
  return traceReplicaKey(key, dependencies.debug, dependencies.clock);
}

async function openUntracedReplicaKey(name: string, wrap: WrapSettings, dependencies: KeyDependencies): Promise<ReplicaKey> {
  if (wrap.kind === "local") return new LocalWrappingKey(wrap.recipient);
  const { KmsWrappingKey } = await import("../keys/kms/kms-wrapping-key.ts");
  return new KmsWrappingKey(wrap, `replicas.${name}.wrap`, await openingKms(dependencies));
}
