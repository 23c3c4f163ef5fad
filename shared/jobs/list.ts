import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import type { Verification } from "../manifest/schema.ts";
import { parseId } from "../manifest/slot.ts";
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
  /** The refs of all that there are, also of those that were not asked for. */
  readonly refs: ReadonlySet<string>;
}

export interface ListOptions {
  /** So many of the newest. */
  readonly limit?: number | undefined;
  /** By what each stands for. */
  readonly since?: Date | undefined;
}

/** 16 manifests are read at a time: enough to hide the latency of an object store. */
const PARALLEL_READS = 16;

/** A cluster's snapshots, oldest first. Reads metadata only, and only of those that are asked for. */
export async function listSnapshots(vault: Vault, cluster: string, { limit, since }: ListOptions = {}): Promise<Listing> {
  const all = await listIds(vault.blobs, cluster);
  const late = since === undefined ? all : all.filter((id) => (parseId(id)?.slot ?? since) >= since);
  const ids = limit === undefined ? late : late.slice(-limit);
  const countersignatures = await readCountersignatures(vault, cluster, ids.length === all.length ? undefined : new Set(ids));
  const snapshots: Listed[] = [];
  for (let start = 0; start < ids.length; start += PARALLEL_READS) {
    const batch = ids.slice(start, start + PARALLEL_READS);
    snapshots.push(...(await Promise.all(batch.map((id) => listOne(vault, cluster, id, countersignatures.good.get(id) ?? [])))));
  }
  return { snapshots, badCountersignatures: countersignatures.bad, refs: new Set(all.map((id) => `${cluster}/${id}`)) };
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
