import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import type { Verification } from "../manifest/schema.ts";
import { listIds, readCountersignatures, readManifest } from "./catalog.ts";
import type { FoundManifest, Vault } from "./catalog.ts";

/** A snapshot as it is listed: with its manifest, or with what is wrong with that. */
export type Listed = { readonly cluster: string; readonly id: string } & (
  | {
      readonly found: FoundManifest;
      /** The newest countersignature of exactly this manifest. */ readonly verification: Verification | undefined;
    }
  | { readonly error: LifeboatError }
);

export interface Listing {
  readonly snapshots: readonly Listed[];
  /** Countersignatures that are not believed. */
  readonly badCountersignatures: readonly { readonly key: string; readonly error: LifeboatError }[];
}

/** 16 manifests are read at a time: enough to hide the latency of an object store. */
const PARALLEL_READS = 16;

/** A cluster's snapshots, oldest first. Reads metadata only. */
export async function listSnapshots(vault: Vault, cluster: string): Promise<Listing> {
  const ids = await listIds(vault.blobs, cluster);
  const countersignatures = await readCountersignatures(vault, cluster);
  const snapshots: Listed[] = [];
  for (let start = 0; start < ids.length; start += PARALLEL_READS) {
    const batch = ids.slice(start, start + PARALLEL_READS);
    snapshots.push(...(await Promise.all(batch.map((id) => listOne(vault, cluster, id, countersignatures.good.get(id) ?? [])))));
  }
  return { snapshots, badCountersignatures: countersignatures.bad };
}

async function listOne(vault: Vault, cluster: string, id: string, verifications: readonly Verification[]): Promise<Listed> {
  try {
    const found = await readManifest(vault, cluster, id);
    return { cluster, id, found, verification: verifications.findLast((each) => each.manifestDigest === found.digest) };
  } catch (error) {
    if (!isLifeboatError(error, "verify/")) throw error;
    return { cluster, id, error };
  }
}
