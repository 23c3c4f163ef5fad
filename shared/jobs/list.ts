import { LifeboatError } from "../errors.ts";
import type { Verification } from "../documents/verification.ts";
import { parseId } from "../documents/slot.ts";
import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import { listIds, readCountersignatures, tryManifest } from "../vault/catalog.ts";
import type { FoundManifest } from "../vault/catalog.ts";
import { judge } from "../vault/judge.ts";
import type { Judged, JudgePorts } from "../vault/judge.ts";

/** A snapshot as it is listed: with its manifest and what it lacks to be good, or with what is wrong with its manifest. */
export type Listed = { readonly cluster: string; readonly id: string } & (
  | ({
      readonly found: FoundManifest;
      /** The newest countersignature of exactly this manifest. */ readonly verification: Verification | undefined;
    } & Pick<Judged, "lacks">)
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

/** A cluster's snapshots, oldest first. Reads metadata only, and only of those that are asked for. */
export async function listSnapshots(ports: JudgePorts, cluster: string, { limit, since }: ListOptions = {}): Promise<Listing> {
  const all = await listIds(ports.blobs, cluster);
  const late = since === undefined ? all : all.filter((id) => (parseId(id)?.slot ?? since) >= since);
  const ids = limit === undefined ? late : late.slice(-limit);
  const countersignatures = await readCountersignatures(ports, cluster, ids.length === all.length ? undefined : new Set(ids));
  const snapshots: Listed[] = [];
  const listed = mapConcurrently(ids, PARALLEL_READS, (id) => listOne(ports, cluster, id, countersignatures.good.get(id) ?? []));
  for await (const each of listed) snapshots.push(each);
  return { snapshots, badCountersignatures: countersignatures.bad, refs: new Set(all.map((id) => `${cluster}/${id}`)) };
}

async function listOne(ports: JudgePorts, cluster: string, id: string, countersignatures: readonly Verification[]): Promise<Listed> {
  const found = await tryManifest(ports, cluster, id);
  if (found instanceof LifeboatError) return { cluster, id, error: found };
  const verification = countersignatures.findLast((each) => each.manifestDigest === found.digest);
  return { cluster, id, found, verification, lacks: judge(ports, found, countersignatures) };
}
