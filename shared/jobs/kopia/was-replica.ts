import { custodyPrefix } from "../../documents/layout.ts";
import { LifeboatError } from "../../errors.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { listClusters } from "../../vault/catalog.ts";

/**
 * Throws `config/invalid` where the store was copied to, which its copied custody logs tell: maintenance of a repository that copies still go to compacts its index, and Kopia then passes over what a later copy
 * brings of the same time.
 */
export async function requireNoReplica(blobs: BlobStore): Promise<void> {
  for (const cluster of await listClusters(blobs)) {
    for await (const { key } of blobs.list(custodyPrefix(cluster, "primary-custody")))
      throw new LifeboatError("config/invalid", `${blobs.location} is a replica, or was one: ${key} came with a copy`, {
        hint: "maintenance here would hide what later copies bring; once no copies come any more, run lifeboat kopia maintain --taken-over",
      });
  }
}
