import type { Clock } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { decideLineage } from "../etcd/lineage.ts";
import type { LastSnapshot, LineageDecision, Observed } from "../etcd/lineage.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { lineageKey } from "../manifest/layout.ts";
import { FORMAT_VERSION } from "../manifest/schema.ts";
import { signDocument } from "../manifest/signed-document.ts";
import { putDocument } from "./put-document.ts";
import { TOOL } from "../version.ts";
import { listIds, readCurrentLineage, readManifest } from "./catalog.ts";
import type { Vault } from "./catalog.ts";

/** Which lineage a snapshot of `cluster` taken now would belong to. Changes nothing. */
export async function findLineage(vault: Vault, cluster: string, observed: Observed): Promise<LineageDecision> {
  const current = await readCurrentLineage(vault, cluster);
  const last = current === undefined ? undefined : await lastSnapshot(vault, cluster, current.number);
  return decideLineage(current, last, observed);
}

/** The newest good snapshot of a lineage. One whose manifest does not hold cannot speak for it and is passed over: `lifeboat ls` shows it. */
async function lastSnapshot(vault: Vault, cluster: string, lineage: number): Promise<LastSnapshot | undefined> {
  for (const id of (await listIds(vault.blobs, cluster)).toReversed()) {
    try {
      const { manifest } = await readManifest(vault, cluster, id);
      if (manifest.lineage < lineage) return undefined;
      if (manifest.lineage === lineage && manifest.quarantine === undefined) return { id, revision: manifest.etcd.before.revision };
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
    }
  }
  return undefined;
}

/** Announces a new lineage. Where another host opened the same one meanwhile, that one serves. */
export async function openLineage(
  ports: Vault & { readonly keys: KeyRing; readonly clock: Clock },
  cluster: string,
  opens: NonNullable<LineageDecision["opens"]>,
  signal?: AbortSignal,
): Promise<void> {
  const document = await signDocument(ports.keys, "lineage", {
    type: "lineage",
    formatVersion: FORMAT_VERSION,
    cluster,
    ...opens,
    openedAt: ports.clock.now().toISOString(),
    tool: TOOL,
  });
  try {
    await putDocument(ports.blobs, lineageKey(cluster, opens.number), document, signal);
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    const there = await readCurrentLineage(ports, cluster);
    if (there?.clusterId === opens.clusterId && there.number === opens.number) return;
    throw new LifeboatError("busy", `another host opened a lineage of ${cluster} at the same time`, {
      hint: "run the command again",
      cause: error,
    });
  }
}
