import { resolve } from "node:path";
import type { Clock, RandomBytes } from "./clock.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import type { KeyRing, WrappingKey } from "./keys/key-ring.ts";
import { LocalKeyRing } from "./keys/local/local-key-ring.ts";
import { LocalWrappingKey } from "./keys/local/local-wrapping-key.ts";
import type { BlobStore } from "./store/blob-store.ts";
import { DirectoryBlobStore } from "./store/directory/directory-store.ts";
import type { Replica } from "./store/replica.ts";

/** The part of the composition root that opens stores and keys. Adapters that take long to load are loaded only where one is asked for. */

interface Lent {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

export async function openStore(store: Config["store"], directory: string, { clock, randomBytes }: Lent): Promise<BlobStore> {
  if (store.kind === "directory") return new DirectoryBlobStore(resolve(directory, store.path), randomBytes);
  const { S3BlobStore } = await import("./store/s3/s3-store.ts");
  return new S3BlobStore(store, clock, randomBytes);
}

export async function openKeys(keys: Config["keys"], directory: string): Promise<KeyRing> {
  if (keys.kind === "local") return new LocalKeyRing(resolve(directory, keys.path));
  const { KmsKeyRing } = await import("./keys/kms/kms-key-ring.ts");
  return new KmsKeyRing(keys);
}

/** In the order of the configuration. */
export async function openReplicas({ config, directory }: LoadedConfig, lent: Lent): Promise<readonly Replica[]> {
  return Promise.all(config.replicas.map(async ({ name, store }) => ({ name, blobs: await openStore(store, directory, lent) })));
}

/** Of those replicas that have a wrapping key of their own. */
export async function openReplicaKeys({ replicas }: Config): Promise<readonly WrappingKey[]> {
  const keys = replicas.map(async ({ name, wrap }): Promise<WrappingKey | undefined> => {
    if (wrap === undefined) return undefined;
    if (wrap.kind === "local") return new LocalWrappingKey(wrap.recipient);
    const { KmsWrappingKey } = await import("./keys/kms/kms-wrapping-key.ts");
    return new KmsWrappingKey(wrap, `replicas.${name}.wrap`);
  });
  return (await Promise.all(keys)).filter((key) => key !== undefined);
}
