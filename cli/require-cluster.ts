import { namesHint } from "../shared/config/settings.ts";
import { LifeboatError } from "../shared/errors.ts";
import { holdsCluster, listClusters } from "../shared/vault/catalog.ts";
import { isClusterName } from "../shared/documents/layout.ts";
import { readUntil } from "../shared/store/read-until.ts";
import type { BlobStore } from "../shared/store/blob-store.ts";
import type { Session } from "./command.ts";

/**
 * That `cluster` is a name in the configuration, or one that the store has something of; undefined, which stands for all of them, is taken. Of a name that was
 * mistyped it must not be said that there is nothing to worry about: throws `usage` or `ref/not-found`, with the nearest name.
 */
export async function requireCluster(session: Session, blobs: BlobStore, cluster: string | undefined): Promise<void> {
  if (cluster === undefined) return;
  const { config, file } = await session.loadConfig();
  const configured = Object.keys(config.clusters);
  if (!isClusterName(cluster))
    throw new LifeboatError("usage", `"${cluster}" is not a cluster's name`, {
      hint: namesHint(cluster, configured) ?? "lifeboat ls shows which clusters there are",
    });
  const store = readUntil(blobs, session.console.signal);
  if (configured.includes(cluster) || (await holdsCluster(store, cluster))) return;
  const known = new Set([...configured, ...(await listClusters(store))]);
  throw new LifeboatError("ref/not-found", `cluster ${cluster} not found: neither in ${file} nor in ${store.location}`, {
    hint: namesHint(cluster, [...known].toSorted()) ?? `add it under clusters in ${file}`,
  });
}
