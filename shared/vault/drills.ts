import { drillsPrefix, partsOfDrillKey } from "../documents/layout.ts";
import type { Drill } from "../documents/drill.ts";
import { compareIds } from "../documents/slot.ts";
import type { LifeboatError } from "../errors.ts";
import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import { misplaced, readDocument } from "./read-document.ts";
import type { Vault } from "./vault.ts";

export interface FoundDrill {
  readonly key: string;
  readonly drill: Drill;
}

export interface Drills {
  /** Signature, trust and place hold; oldest first by when they began. */
  readonly found: readonly FoundDrill[];
  /** Those that are not believed. */
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
}

/** The evidence of drills of a cluster, the newest `most`: one listing, and what is there is read. Throws `store/...`. */
export async function readDrills(vault: Vault, cluster: string, most: number, signal?: AbortSignal): Promise<Drills> {
  const listed: { readonly key: string; readonly id: string; readonly time: string }[] = [];
  for await (const { key } of vault.blobs.list(drillsPrefix(cluster), { signal })) {
    const parts = partsOfDrillKey(cluster, key);
    if (parts !== undefined) listed.push({ key, ...parts });
  }
  const newest = listed.toSorted((one, other) => compareIds(one.time, other.time)).slice(-most);
  const found: FoundDrill[] = [];
  const bad: { key: string; error: LifeboatError }[] = [];
  for await (const { key, id, read } of mapConcurrently(newest, PARALLEL_READS, async (each) => ({
    ...each,
    read: await readDocument(vault, "drill", cluster, each.key, { signal }),
  }))) {
    if (read?.state === "bad") bad.push({ key, error: read.error });
    if (read?.state !== "opened") continue;
    if (read.document.id === id) found.push({ key, drill: read.document });
    else bad.push({ key, error: misplaced(key, `a drill of snapshot ${read.document.id}`) });
  }
  return { found, bad };
}
