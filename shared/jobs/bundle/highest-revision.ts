import { revisionOf } from "../../documents/content.ts";
import { LifeboatError } from "../../errors.ts";
import { listIds, tryManifest } from "../../vault/catalog.ts";
import { readLineages } from "../../vault/lineage/lineages.ts";
import type { Vault } from "../../vault/vault.ts";

/** So many of the newest manifests are read: revisions grow within a lineage, and a lineage says how far the one before it had come. */
const NEWEST = 16;

/**
 * The highest revision of a cluster's key space that is on record, over all lineages; 0 where none is. Reads the lineages and the newest manifests. What does not hold is passed over.
 */
export async function highestRevision(vault: Vault, cluster: string, signal?: AbortSignal): Promise<number> {
  const [ids, { links }] = await Promise.all([listIds(vault.blobs, cluster, signal), readLineages(vault, cluster, signal)]);
  const manifests = await Promise.all(ids.slice(-NEWEST).map((id) => tryManifest(vault, cluster, id)));
  return Math.max(
    0,
    ...links.flatMap(({ lineage }) => [lineage.revision, lineage.previous?.revision ?? 0]),
    ...manifests.flatMap((each) => (each instanceof LifeboatError ? [] : [revisionOf(each.manifest), each.manifest.etcd.before.revision])),
  );
}
