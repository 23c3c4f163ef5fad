import { resolve } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import type { KopiaRepositoryConfig, KopiaStoreConfig } from "../config/store-schema.ts";
import type { WrappedPassword } from "../documents/repository.ts";
import { LifeboatError } from "../errors.ts";
import type { RepositoryWanted } from "../jobs/doctor/check-repository.ts";
import type { KopiaInitPorts } from "../jobs/kopia/init.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { KopiaKeys } from "../store/kopia/kopia-keys.ts";
import { KopiaObjects } from "../store/kopia/kopia-objects.ts";
import { KopiaStore } from "../store/kopia/kopia-store.ts";
import { newPassword, openPassword, rewrapPassword } from "../store/kopia/password.ts";
import { findKopia } from "../store/kopia/program/find-kopia.ts";
import { KOPIA_OWNER } from "../store/kopia/program/kopia.ts";
import type { AwsCredentials, BlobRetention, Kopia, KopiaRepository } from "../store/kopia/program/kopia.ts";
import { openKopia } from "../store/kopia/program/open-kopia.ts";
import type { SnapshotRepository } from "../store/snapshot-repository.ts";
import type { SharedKey, WrappedSharedKey } from "../store/wrapped-keys.ts";
import { putRepositoryPassword, readRepositoryPassword } from "../vault/repository-password.ts";
import type { FoundPassword } from "../vault/repository-password.ts";
import type { Vault } from "../vault/vault.ts";
import type { Surroundings } from "./ports.ts";
import { findPrograms } from "./programs.ts";
import type { OpenedSnapshots } from "./snapshots.ts";
import { openGuarded, openKeys } from "./stores.ts";

/** The part of the composition root that opens a Kopia repository: loaded only where the store is one. */

/** A repository by its password, and by nothing else. */
export type OpenByPassword = (password: string) => Promise<Kopia>;

/** `manifests`: the store beside the repository, guarded. */
export async function openKopiaStore(
  loaded: LoadedConfig,
  store: KopiaStoreConfig,
  surroundings: Surroundings,
  { manifests, keys }: { readonly manifests: BlobStore; readonly keys: KeyRing },
): Promise<OpenedSnapshots & { readonly blobs: BlobStore }> {
  const { config } = loaded;
  const vault = { blobs: manifests, trusted: config.trustedKeys };
  const openBy = repositoryOpener(loaded, store.repository, surroundings);
  const openByKeys = async (): Promise<Kopia> => openBy(await openPassword((await requirePassword(vault)).document, keys));
  let opening: Promise<Kopia> | undefined;
  const open = async (): Promise<Kopia> => {
    opening ??= openByKeys();
    try {
      return await opening;
    } catch (error) {
      // What was mended meanwhile is seen by the next who asks.
      opening = undefined;
      throw error;
    }
  };
  const snapshots = new KopiaStore({
    open,
    openWith: async (identities) => openBy(await openPassword((await requirePassword(vault)).document, keys, identities)),
    randomBytes: surroundings.randomBytes,
    maxBytes: config.maxDatabaseSize,
  });
  return {
    blobs: new KopiaObjects(manifests, open),
    snapshots,
    wrappedKeys: new KopiaKeys(keys, sharedKey(loaded, surroundings, vault, keys)),
  };
}

function sharedKey({ config: { breakGlass } }: LoadedConfig, { clock }: Surroundings, vault: Vault, keys: KeyRing): SharedKey {
  const describe = async ({ key, document }: FoundPassword): Promise<WrappedSharedKey> => {
    const under = document.wrappings.map((each) => each.key);
    const isCurrent = isSame(under, [await keys.wrappingKey()]) && isSame(document.breakGlass, breakGlass);
    return { key, under, breakGlass: document.breakGlass, isCurrent };
  };
  return {
    look: async () => describe(await requirePassword(vault)),
    async rewrap(signal) {
      const { document } = await requirePassword(vault);
      const wrapped = await rewrapPassword(document, keys, breakGlass);
      const ports = { ...vault, keys, clock };
      const { key, isPut } = await putRepositoryPassword(ports, wrapped, { purpose: "audit", after: document.number }, signal);
      if (isPut) return describe(await requirePassword(vault));
      throw new LifeboatError("busy", `another run wrote ${key} first`, { hint: "run lifeboat rewrap again" });
    },
  };
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each) => other.includes(each));
}

/** Finds the program when it is first needed. */
export function repositoryOpener(loaded: LoadedConfig, repository: KopiaRepositoryConfig, surroundings: Surroundings): OpenByPassword {
  return async (password) => {
    const finder = await findPrograms(loaded, surroundings);
    const { path, warning } = await findKopia(finder, new AbortController().signal);
    if (warning !== undefined) surroundings.onWarning?.(warning);
    const kopia = await openKopia({
      program: path,
      repository: await repositoryOf(repository, loaded.directory),
      password,
      environment: surroundings.environment,
    });
    surroundings.onEnd?.(async () => kopia[Symbol.asyncDispose]());
    return kopia;
  };
}

/** Throws `store/missing` where `lifeboat kopia init` was not run. */
export async function requirePassword(vault: Vault): Promise<FoundPassword> {
  const found = await readRepositoryPassword(vault);
  if (found !== undefined) return found;
  throw new LifeboatError("store/missing", `there is no password of a Kopia repository in ${vault.blobs.location}`, {
    hint: "make the repository with lifeboat kopia init, or correct store.manifests if it was made before",
  });
}

async function repositoryOf(repository: KopiaRepositoryConfig, directory: string): Promise<KopiaRepository> {
  if (repository.kind === "filesystem") return { kind: "filesystem", path: resolve(directory, repository.path) };
  const { bucket, prefix, region, endpoint, profile } = repository;
  const { openClient } = await import("../store/s3/client.ts");
  const { DEFAULT_PACE } = await import("../store/s3/settings.ts");
  const client = openClient({ bucket, prefix, region, endpoint, profile, pathStyle: true }, DEFAULT_PACE);
  const credentials = async (): Promise<AwsCredentials> => {
    try {
      const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials();
      return { accessKeyId, secretAccessKey, sessionToken };
    } catch (error) {
      throw new LifeboatError("store/denied", `there are no credentials for the Kopia repository in s3://${bucket}/${prefix}`, {
        hint: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        cause: error,
      });
    }
  };
  return { kind: "s3", bucket, prefix, region, ...(endpoint === undefined ? {} : { endpoint }), credentials };
}

/** As docs/decisions/0027 chose it: pages of bbolt lie in blocks of a fixed size. */
const SPLITTER = "FIXED-128K";

/** The repository as `lifeboat kopia` looks after it. */
function administered(kopia: Kopia, retention: BlobRetention | undefined): SnapshotRepository {
  return {
    location: kopia.location,
    create: () => kopia.create({ splitter: SPLITTER, retention }),
    settle: async () => {
      await kopia.setPolicy({ splitter: SPLITTER });
      // A lock that the configuration does not name is left as it is.
      if (retention !== undefined) await kopia.setRetention(retention);
      await kopia.setOwner(retention === undefined ? {} : { extendObjectLocks: true });
    },
    status: () => kopia.status(),
    countSnapshots: async () => (await kopia.list({})).length,
    maintenance: async () => {
      const { extendObjectLocks, ...info } = await kopia.maintenanceInfo();
      return { ...info, extendsLocks: extendObjectLocks };
    },
    maintain: (mode, signal) => kopia.maintenanceRun(mode, signal),
    size: () => kopia.blobStats(),
  };
}

/** For `lifeboat doctor`, which looks at the repository whatever is wrong with the rest. */
export function openRepositoryToCheck(
  loaded: LoadedConfig,
  store: KopiaStoreConfig,
  surroundings: Surroundings,
): { readonly open: () => Promise<SnapshotRepository>; readonly wanted: RepositoryWanted } {
  return {
    open: async () => (await openKopiaAdmin(loaded, surroundings)).open(),
    wanted: { owner: KOPIA_OWNER, lock: lockOf(store.repository) },
  };
}

function lockOf(repository: KopiaRepositoryConfig): BlobRetention | undefined {
  return repository.kind === "s3" ? repository.lock : undefined;
}

export interface KopiaAdmin {
  /** What `initKopia` needs; the store of manifests may be made. */
  readonly init: KopiaInitPorts;
  /** The repository, opened by the key ring. */
  readonly open: () => Promise<SnapshotRepository>;
}

/** Throws `config/invalid` where the store is none. */
export async function openKopiaAdmin(loaded: LoadedConfig, surroundings: Surroundings): Promise<KopiaAdmin> {
  const { config, directory, file } = loaded;
  const { store } = config;
  if (store.kind !== "kopia")
    throw new LifeboatError("config/invalid", `store.kind in ${file} is ${store.kind}: there is no Kopia repository`, {
      hint: "lifeboat kopia looks after a store of kind kopia (docs/cli.md)",
    });
  const keys = await openKeys(config.keys, directory, surroundings);
  const blobs = await openGuarded(store.manifests, loaded, surroundings, keys);
  const vault = { blobs, trusted: config.trustedKeys };
  const openBy = repositoryOpener(loaded, store.repository, surroundings);
  const open = async (wrapped: WrappedPassword): Promise<SnapshotRepository> =>
    administered(await openBy(await openPassword(wrapped, keys)), lockOf(store.repository));
  return {
    init: {
      ...vault,
      keys,
      clock: surroundings.clock,
      newPassword: () => newPassword(keys, config.breakGlass, surroundings.randomBytes),
      open,
    },
    open: async () => open((await requirePassword(vault)).document),
  };
}
