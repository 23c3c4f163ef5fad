import type { LoadedConfig } from "../config/load.ts";
import type { KopiaStoreConfig } from "../config/store-schema.ts";
import { LifeboatError } from "../errors.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { wrappingKeysOf } from "../keys/store-keys.ts";
import type { StoreKeys } from "../keys/store-keys.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { KopiaKeys } from "../store/kopia/kopia-keys.ts";
import { KopiaMirror } from "../store/kopia/kopia-mirror.ts";
import { KopiaObjects } from "../store/kopia/kopia-objects.ts";
import { KopiaStore } from "../store/kopia/kopia-store.ts";
import { openPassword, rewrapPassword } from "../store/kopia/password.ts";
import type { Kopia } from "../store/kopia/program/kopia.ts";
import type { RepositoryMirror } from "../store/replica.ts";
import type { SharedKey, WrappedSharedKey } from "../store/wrapped-keys.ts";
import { putRepositoryPassword } from "../vault/repository-password.ts";
import type { FoundPassword } from "../vault/repository-password.ts";
import type { Vault } from "../vault/vault.ts";
import { prepareFor, repositoryOf, repositoryOpener, requirePassword } from "./kopia-program.ts";
import type { Surroundings } from "./ports.ts";
import type { OpenedSnapshots } from "./snapshots.ts";
import { openReplicaKeys } from "./stores.ts";
import type { OpenedStores } from "./stores.ts";

/** The part of the composition root that opens Kopia repositories: loaded only where the store is one. */

/** `manifests`: the stores beside the repositories, guarded. */
export async function openKopiaStore(
  loaded: LoadedConfig,
  store: KopiaStoreConfig,
  surroundings: Surroundings,
  { manifests, keys, from }: { readonly manifests: OpenedStores; readonly keys: KeyRing; readonly from: string | undefined },
): Promise<OpenedSnapshots> {
  const { config } = loaded;
  const storeKeys = { keys, ...(await openReplicaKeys(config, from, surroundings)) };
  const settingsOf = (name: string): KopiaStoreConfig => {
    const found = name === "primary" ? store : config.replicas.find((each) => each.name === name)?.store;
    // The schema lets a replica be of no other kind.
    if (found?.kind !== "kopia") throw new Error(`${name} is no Kopia repository`);
    return found;
  };
  const place = (name: string, blobs: BlobStore): Place =>
    new Place(settingsOf(name), { blobs, trusted: config.trustedKeys }, storeKeys, loaded, surroundings);
  const own = place(from ?? "primary", manifests.blobs);
  const snapshots = new KopiaStore({
    open: own.open,
    openWith: async (identities) => own.openBy(await own.password(identities)),
    randomBytes: surroundings.randomBytes,
    maxBytes: config.maxDatabaseSize,
  });
  return {
    blobs: own.objects,
    replicas: manifests.replicas.map(({ name, blobs }) => {
      const other = place(name, blobs);
      // Copies go from the store alone.
      return { name, blobs: other.objects, ...(from === undefined ? { mirror: other.mirrorOf(own) } : {}) };
    }),
    snapshots,
    wrappedKeys: new KopiaKeys(storeKeys, sharedKey(loaded, surroundings, own.vault, storeKeys)),
  };
}

/** A repository with its manifests. */
class Place {
  readonly vault: Vault;
  readonly objects: BlobStore;
  /** By the password in its own manifests. */
  readonly open: () => Promise<Kopia>;
  readonly openBy: (password: string) => Promise<Kopia>;
  readonly #settings: KopiaStoreConfig;
  readonly #keys: StoreKeys;
  readonly #loaded: LoadedConfig;
  readonly #surroundings: Surroundings;

  constructor(settings: KopiaStoreConfig, vault: Vault, keys: StoreKeys, loaded: LoadedConfig, surroundings: Surroundings) {
    this.vault = vault;
    this.#settings = settings;
    this.#keys = keys;
    this.#loaded = loaded;
    this.#surroundings = surroundings;
    this.openBy = repositoryOpener(loaded, settings.repository, surroundings);
    this.open = once(async () => this.openBy(await this.password()));
    this.objects = new KopiaObjects(vault.blobs, this.open);
  }

  async password(identities?: readonly string[]): Promise<string> {
    return openPassword((await requirePassword(this.vault)).document, this.#keys, identities);
  }

  /** This place as a copy of `store`, whose password it has: the one in its own manifests may be wrapped for others by now. */
  mirrorOf(store: Place): RepositoryMirror {
    const { repository } = this.#settings;
    const { directory } = this.#loaded;
    return new KopiaMirror({
      store: store.open,
      copy: once(async () => this.openBy(await store.password())),
      at: once(() => repositoryOf(repository, directory)),
      prepare: () => prepareFor(repository, directory, this.#surroundings),
    });
  }
}

/** What `make` gave first. What was mended after a failure is seen by the next who asks. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => {
    made ??= make();
    try {
      return await made;
    } catch (error) {
      made = undefined;
      throw error;
    }
  };
}

function sharedKey({ config: { breakGlass } }: LoadedConfig, { clock }: Surroundings, vault: Vault, storeKeys: StoreKeys): SharedKey {
  const describe = async ({ key, document }: FoundPassword): Promise<WrappedSharedKey> => {
    const under = document.wrappings.map((each) => each.key);
    const isCurrent = isSame(under, await wrappingKeysOf(storeKeys)) && isSame(document.breakGlass, breakGlass);
    return { key, under, breakGlass: document.breakGlass, isCurrent };
  };
  return {
    look: async () => describe(await requirePassword(vault)),
    async rewrap(signal) {
      const { document } = await requirePassword(vault);
      const wrapped = await rewrapPassword(document, storeKeys, breakGlass);
      const ports = { ...vault, keys: storeKeys.keys, clock };
      const { key, isPut } = await putRepositoryPassword(ports, wrapped, { purpose: "audit", after: document.number }, signal);
      if (isPut) return describe(await requirePassword(vault));
      throw new LifeboatError("busy", `another run wrote ${key} first`, { hint: "run lifeboat rewrap again" });
    },
  };
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each) => other.includes(each));
}
