import type { LoadedConfig } from "../config/load.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { SealedStore } from "../store/sealed/sealed-store.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import type { WrappedKeys } from "../store/wrapped-keys.ts";
import { addedKeys } from "../vault/added-keys.ts";
import { openReplicaKeys } from "./stores.ts";
import type { OpenedStores } from "./stores.ts";
import type { Surroundings } from "./ports.ts";

/** The part of the composition root that chooses how snapshots are kept, by `store.kind`. */

export interface OpenedSnapshots extends OpenedStores {
  readonly snapshots: SnapshotStore;
  readonly wrappedKeys: WrappedKeys;
}

/** `from`: the name of the replica that is read in place of the store. */
export async function openSnapshots(
  loaded: LoadedConfig,
  dependencies: Surroundings,
  { stores, keys, from }: { readonly stores: OpenedStores; readonly keys: KeyRing; readonly from: string | undefined },
): Promise<OpenedSnapshots> {
  const { config } = loaded;
  if (config.store.kind === "kopia") {
    const { openKopiaStore } = await import("./kopia.ts");
    return openKopiaStore(loaded, config.store, dependencies, { manifests: stores, keys, from });
  }
  const { blobs } = stores;
  const sealed = new SealedStore({
    blobs,
    keys,
    ...(await openReplicaKeys(config, from, dependencies)),
    breakGlass: config.breakGlass,
    randomBytes: dependencies.randomBytes,
    maxBytes: config.maxDatabaseSize,
    addedKeys: addedKeys({ blobs, trusted: config.trustedKeys }),
  });
  return { ...stores, snapshots: sealed, wrappedKeys: sealed };
}
