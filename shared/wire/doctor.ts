import { resolve } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { objectStoreOf } from "../config/store-schema.ts";
import type { ObjectStoreConfig } from "../config/store-schema.ts";
import type { KeyInspector } from "../keys/key-inspector.ts";
import { LocalInspector } from "../keys/local/local-inspector.ts";
import { lookAtPlace } from "../vault/place/guarded-store.ts";
import type { PlaceFacts } from "../vault/place/judge-place.ts";
import { DirectoryInspector } from "../store/directory/directory-inspector.ts";
import type { StoreInspector } from "../store/store-inspector.ts";
import { openStore, openedClient, openingKms } from "./stores.ts";
import type { KeyDependencies } from "./stores.ts";
import type { Surroundings } from "./ports.ts";

/** The part of the composition root that only `lifeboat doctor` needs. */

export interface Inspectors {
  /** The store, then its replicas. */
  readonly stores: readonly {
    readonly name: string;
    readonly inspector: StoreInspector;
    readonly place: (signal: AbortSignal) => Promise<PlaceFacts>;
  }[];
  /** `keys`, then the wrapping keys in KMS of replicas that have their own, under the names of their stores. */
  readonly keys: readonly { readonly name: string; readonly inspector: KeyInspector }[];
}

export async function openInspectors({ config, directory }: LoadedConfig, surroundings: Surroundings): Promise<Inspectors> {
  const named = [
    { name: "store", store: objectStoreOf(config.store) },
    ...config.replicas.map(({ name, store }) => ({ name: `replica ${name}`, store: objectStoreOf(store) })),
  ];
  const stores = named.map(async ({ name, store }) => {
    const { blobs, guard } = await openStore(store, directory, surroundings, config.trustedKeys);
    const inspector = await inspectorOf(store, directory, surroundings);
    return { name, inspector, place: (signal: AbortSignal) => lookAtPlace(blobs, guard, signal) };
  });
  const replicaKeys = await Promise.all(config.replicas.map((each) => replicaKeysOf(each, surroundings)));
  return {
    stores: await Promise.all(stores),
    keys: [{ name: "keys", inspector: await keyInspector(config.keys, directory, surroundings) }, ...replicaKeys.flat()],
  };
}

async function inspectorOf(
  store: ObjectStoreConfig,
  directory: string,
  { clock, randomBytes, debug }: Surroundings,
): Promise<StoreInspector> {
  if (store.kind === "directory") return new DirectoryInspector(resolve(directory, store.path), clock, randomBytes);
  const { PACE, S3Inspector } = await import("../store/s3/s3-inspector.ts");
  return new S3Inspector(store, clock, randomBytes, debug === undefined ? undefined : await openedClient(store, { debug, clock }, PACE));
}

async function keyInspector(keys: Config["keys"], directory: string, dependencies: KeyDependencies): Promise<KeyInspector> {
  if (keys.kind === "local") return new LocalInspector(resolve(directory, keys.path));
  const { KmsInspector, usedKeys } = await import("../keys/kms/kms-inspector.ts");
  return new KmsInspector(keys, usedKeys(keys), (await openingKms(dependencies))?.(keys, keys.region));
}

/** Of a key in a file nothing is here but its recipient. */
async function replicaKeysOf({ name, wrap }: Config["replicas"][number], dependencies: KeyDependencies): Promise<Inspectors["keys"]> {
  if (wrap?.kind !== "kms") return [];
  const { KmsInspector } = await import("../keys/kms/kms-inspector.ts");
  const key = { id: wrap.key, setting: `replicas.${name}.wrap`, use: "encrypts the keys of snapshots for a replica" };
  return [
    {
      name: `replica ${name}`,
      inspector: new KmsInspector(wrap, [{ use: "wrap", key }], (await openingKms(dependencies))?.(wrap, wrap.region)),
    },
  ];
}
