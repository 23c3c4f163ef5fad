import type { LoadedConfig } from "../config/load.ts";
import type { KopiaRepositoryConfig, KopiaStoreConfig } from "../config/store-schema.ts";
import type { WrappedPassword } from "../documents/repository.ts";
import { LifeboatError } from "../errors.ts";
import type { RepositoryWanted } from "../jobs/doctor/check-repository.ts";
import type { KopiaInitPorts } from "../jobs/kopia/init.ts";
import { newPassword, openPassword } from "../store/kopia/password.ts";
import { KOPIA_OWNER } from "../store/kopia/program/kopia.ts";
import type { BlobRetention, Kopia } from "../store/kopia/program/kopia.ts";
import type { SnapshotRepository } from "../store/snapshot-repository.ts";
import { repositoryOpener, requirePassword } from "./kopia-program.ts";
import type { Surroundings } from "./ports.ts";
import { openGuarded, openKeys, openReplicaKeys } from "./stores.ts";

/** The part of the composition root that looks after a Kopia repository. */

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
  const storeKeys = { keys, ...(await openReplicaKeys(config, undefined, surroundings)) };
  const blobs = await openGuarded(store.manifests, loaded, surroundings, keys);
  const vault = { blobs, trusted: config.trustedKeys };
  const openBy = repositoryOpener(loaded, store.repository, surroundings);
  const open = async (wrapped: WrappedPassword): Promise<SnapshotRepository> =>
    administered(await openBy(await openPassword(wrapped, storeKeys)), lockOf(store.repository));
  return {
    init: {
      ...vault,
      keys,
      clock: surroundings.clock,
      newPassword: () => newPassword(storeKeys, config.breakGlass, surroundings.randomBytes),
      open,
    },
    open: async () => open((await requirePassword(vault)).document),
  };
}
