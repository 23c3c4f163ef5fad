import type { Clock } from "../clock.ts";
import { appendRecord } from "../vault/custody/append.ts";
import type { CustodyPorts } from "../vault/custody/append.ts";
import { isLifeboatError } from "../errors.ts";
import { dataPrefix, idInDataKey, manifestKey } from "../documents/layout.ts";
import { objectsOf } from "../documents/stored.ts";
import { throwIfAborted } from "../store/body-reader.ts";
import { listClusters, listIds, readManifest } from "../vault/catalog.ts";
import type { Vault } from "../vault/vault.ts";
import { requireTrustedKey } from "../vault/require-trusted-key.ts";

/** Something that a run began and no snapshot needs. */
export type Orphan = {
  readonly bytes: number;
  readonly modified: Date;
  /** Why nothing needs it, for people. */
  readonly reason: string;
} & ({ readonly kind: "data"; readonly cluster: string; readonly key: string } | { readonly kind: "unfinished"; readonly id: string });

export interface Orphans {
  readonly orphans: readonly Orphan[];
  /** Data that cannot be told, since the manifest that could name it does not hold: it is left alone. */
  readonly unclear: readonly { readonly key: string; readonly reason: string }[];
}

export interface OrphanPorts extends Vault {
  readonly clock: Clock;
}

/**
 * A day: 24 times the longest that a backup may take by default. What is younger may belong to a run whose manifest is still to come, on this host or another; the same margin
 * covers two clocks that disagree.
 */
export const SWEEP_AFTER_MS = 86_400_000;

/** What killed runs and lost races left, of one cluster or of all, and older than `olderThanMs`. Changes nothing. */
export async function findOrphans(
  ports: OrphanPorts,
  options: { readonly cluster?: string | undefined; readonly olderThanMs: number },
): Promise<Orphans> {
  const before = ports.clock.now().getTime() - options.olderThanMs;
  const orphans: Orphan[] = [];
  const unclear: { key: string; reason: string }[] = [];
  for (const cluster of options.cluster === undefined ? await listClusters(ports.blobs) : [options.cluster]) {
    // Data first: a manifest that is committed meanwhile is then seen, never its absence.
    const candidates = await dataObjects(ports, cluster);
    const ids = new Set(await listIds(ports.blobs, cluster));
    for (const { id, key, bytes, modified } of candidates) {
      if (modified.getTime() > before) continue;
      const verdict = ids.has(id) ? await neededBy(ports, cluster, id, key) : { reason: "no manifest names it" };
      if (verdict === "needed") continue;
      if ("unclear" in verdict) unclear.push({ key, reason: verdict.unclear });
      else orphans.push({ kind: "data", cluster, key, bytes, modified, reason: verdict.reason });
    }
  }
  if (options.cluster === undefined) {
    for await (const { id, bytes, modified } of ports.blobs.listUnfinished()) {
      if (modified.getTime() <= before) orphans.push({ kind: "unfinished", id, bytes, modified, reason: "the upload was never finished" });
    }
  }
  return { orphans, unclear };
}

/**
 * Removes orphans that `findOrphans` gave, each looked at once more; tells of each that is gone. Data is removed when the custody log has been told, with the audit key. (Unfinished
 * uploads were never there, and belong to no cluster.) A signal ends it between two of them.
 */
export async function sweepOrphans(
  ports: CustodyPorts,
  orphans: readonly Orphan[],
  onSwept: (orphan: Orphan) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (orphans.some(({ kind }) => kind === "data")) await requireTrustedKey(ports.keys, ports.trusted, "audit");
  for (const orphan of orphans) {
    throwIfAborted("the sweep", signal);
    if (orphan.kind === "unfinished") {
      await ports.blobs.removeUnfinished(orphan.id);
    } else {
      const id = idInDataKey(orphan.cluster, orphan.key);
      if (id === undefined) throw new Error(`${orphan.key} is no data object of ${orphan.cluster}`);
      const isNamed = (await ports.blobs.head(manifestKey(orphan.cluster, id))) !== undefined;
      const verdict = isNamed ? await neededBy(ports, orphan.cluster, id, orphan.key) : { reason: orphan.reason };
      if (verdict === "needed" || "unclear" in verdict) continue;
      await appendRecord(ports, orphan.cluster, "audit", {
        event: "removed",
        subjects: [{ key: orphan.key }],
        details: { reason: verdict.reason },
      });
      await ports.blobs.remove(orphan.key);
    }
    onSwept(orphan);
  }
}

interface DataObject {
  readonly id: string;
  readonly key: string;
  readonly bytes: number;
  readonly modified: Date;
}

async function dataObjects({ blobs }: Vault, cluster: string): Promise<DataObject[]> {
  const objects: DataObject[] = [];
  for await (const { key, bytes, modified } of blobs.list(dataPrefix(cluster))) {
    const id = idInDataKey(cluster, key);
    if (id !== undefined) objects.push({ id, key, bytes, modified });
  }
  return objects;
}

/** A manifest that does not hold proves nothing: what it might name is evidence, or the last copy. */
async function neededBy(
  vault: Vault,
  cluster: string,
  id: string,
  key: string,
): Promise<"needed" | { reason: string } | { unclear: string }> {
  try {
    const { stored } = (await readManifest(vault, cluster, id)).manifest;
    if (objectsOf(stored).some((each) => each.key === key)) return "needed";
    return { reason: `the manifest of ${id} names another object: this run lost the race for its slot` };
  } catch (error) {
    if (!isLifeboatError(error, "verify/")) throw error;
    return { unclear: error.message };
  }
}
