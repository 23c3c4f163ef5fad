import { join } from "node:path";
import type { Clock, RandomBytes } from "../clock.ts";
import type { CredentialSource } from "../cloud/credentials.ts";
import type { LoadedConfig } from "../config/load.ts";
import { policyDigests } from "../config/policy-digests.ts";
import type { Config } from "../config/schema.ts";
import type { DebugLog } from "../debug-log.ts";
import { VERIFY_DEFAULTS } from "../config/verify-schema.ts";
import type { Environment } from "../config/secrets.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";
import { FileLock } from "../host/files/file-lock.ts";
import type { HostLock } from "../host/host-lock.ts";
import type { MembersToAsk } from "../jobs/verify/inquiry.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { BlobStore } from "../store/blob-store.ts";
import type { Replica } from "../store/replica.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import type { WrappedKeys } from "../store/wrapped-keys.ts";
import type { Actor } from "../vault/custody/append.ts";
import type { ClusterPolicy } from "../vault/judge.ts";
import { actorOf } from "./actor.ts";
import { openSnapshots } from "./snapshots.ts";
import { openKeys, openStores } from "./stores.ts";
import type { CreatableStores } from "./stores.ts";

/** The composition root: configuration in, ports out. Nothing else knows the adapters. */

/** What the process lends. */
export interface Surroundings {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly environment: Environment;
  /** A folder for lock files that every process of this user on this host shares. */
  readonly runtimeFolder: string;
  /** A folder that outlives the process, for what this host remembers; undefined where there is none. */
  readonly stateFolder: string | undefined;
  /** Takes what is to be ended when the command is done: child processes, temporary folders. */
  readonly onEnd?: ((dispose: () => Promise<void>) => void) | undefined;
  /** Takes what a person should know of a program that is used: one sentence, lower case, no full stop. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** What AWS is called with; undefined for the SDK's own default chain. */
  readonly credentials?: CredentialSource | undefined;
  /** Where requests and decisions are told; undefined where nobody asked for it. */
  readonly debug?: DebugLog | undefined;
}

export interface Ports {
  readonly blobs: BlobStore;
  readonly replicas: readonly Replica[];
  readonly snapshots: SnapshotStore;
  readonly wrappedKeys: WrappedKeys;
  readonly keys: KeyRing;
  readonly trusted: TrustedKeys;
  readonly lock: HostLock;
  readonly clock: Clock;
  readonly actor: Actor;
  readonly configuration: (cluster: string) => Readonly<Record<string, string>>;
  readonly policyOf: (cluster: string) => ClusterPolicy | undefined;
  readonly membersOf: (cluster: string) => Promise<MembersToAsk>;
  readonly indexFrom: (cluster: string) => number;
  readonly deepEvery: (cluster: string) => number;
}

/**
 * The ports that a configuration asks for. Adapters that take long to load are loaded only where it does. `makes`: which stores may be made where there is none. With
 * `from`, the name of a replica, the store is that replica, its wrapping key is tried first, and `primary` stands among the replicas. Throws `config/not-found`
 * for a name that is not there.
 */
export async function wire(
  loaded: LoadedConfig,
  surroundings: Surroundings,
  makes: CreatableStores = "nothing",
  from?: string,
): Promise<Ports> {
  const { config, directory } = loaded;
  const keys = await openKeys(config.keys, directory, surroundings);
  const stores = await openStores(loaded, surroundings, { keys, makes, from });
  return {
    keys,
    ...(await openSnapshots(loaded, surroundings, { stores, keys, from })),
    trusted: config.trustedKeys,
    lock: new FileLock(join(surroundings.runtimeFolder, "etcd-lifeboat"), surroundings.clock),
    clock: surroundings.clock,
    actor: actorOf(config, surroundings),
    configuration: (cluster) => policyDigests(config, cluster),
    policyOf: (cluster) => policyIn(config, cluster),
    indexFrom: (cluster) => verifySettings(config, cluster).indexFrom,
    deepEvery: (cluster) => verifySettings(config, cluster).deepVerify,
    membersOf: async (cluster) => (await import("./cluster.ts")).connectVerifier(loaded, cluster, surroundings),
  };
}

function verifySettings({ clusters }: Config, name: string): Pick<Config["clusters"][string]["verify"], "indexFrom" | "deepVerify"> {
  return (Object.hasOwn(clusters, name) ? clusters[name] : undefined)?.verify ?? VERIFY_DEFAULTS;
}

function policyIn({ clusters }: Config, name: string): ClusterPolicy | undefined {
  const cluster = Object.hasOwn(clusters, name) ? clusters[name] : undefined;
  return cluster === undefined ? undefined : { agreement: cluster.agreement, confirm: cluster.verify.confirm, rpoMs: cluster.rpo };
}
