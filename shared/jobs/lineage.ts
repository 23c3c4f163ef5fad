import type { Clock } from "../clock.ts";
import type { Custodian } from "../custody/custodian.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import type { History, LastSnapshot, LineageDecision } from "../etcd/lineage.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { liveKeysOf, revisionOf } from "../manifest/content.ts";
import { lineageKey } from "../manifest/layout.ts";
import { FORMAT_VERSION } from "../manifest/schema.ts";
import { signDocument } from "../manifest/signed-document.ts";
import { putDocument } from "../manifest/put-document.ts";
import { TOOL } from "../version.ts";
import { listIds, readCurrentLineage, readManifest } from "./catalog.ts";
import type { Vault } from "./catalog.ts";

/** A history, and the digest of the manifest that it was read from. */
export interface KnownHistory extends History {
  readonly last: KnownSnapshot | undefined;
}

interface KnownSnapshot extends LastSnapshot {
  readonly manifestDigest: string;
}

/** What a lineage is decided by. Changes nothing. */
export async function readHistory(vault: Vault, cluster: string): Promise<KnownHistory> {
  const current = await readCurrentLineage(vault, cluster);
  return { current, last: current === undefined ? undefined : await lastSnapshot(vault, cluster, current.number) };
}

/** The newest good snapshot of a lineage. One whose manifest does not hold cannot speak for it and is passed over: `lifeboat ls` shows it. */
async function lastSnapshot(vault: Vault, cluster: string, lineage: number): Promise<KnownSnapshot | undefined> {
  for (const id of (await listIds(vault.blobs, cluster)).toReversed()) {
    try {
      const { manifest, digest } = await readManifest(vault, cluster, id);
      if (manifest.lineage < lineage) return undefined;
      if (manifest.lineage === lineage && manifest.quarantine === undefined)
        return { id, revision: revisionOf(manifest), liveKeys: liveKeysOf(manifest), manifestDigest: digest };
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
    }
  }
  return undefined;
}

/** Opens a new lineage, which the custody log is told first. Where another host opened the same one meanwhile, that one serves. */
export async function openLineage(
  ports: Vault & { readonly keys: KeyRing; readonly clock: Clock },
  custodian: Custodian,
  cluster: string,
  opens: NonNullable<LineageDecision["opens"]>,
  signal?: AbortSignal,
): Promise<void> {
  const key = lineageKey(cluster, opens.number);
  const custody = await custodian.announce("lineage-opened", [{ key }], { details: { reason: opens.reason }, signal });
  const document = await signDocument(ports.keys, "lineage", {
    type: "lineage",
    formatVersion: FORMAT_VERSION,
    cluster,
    ...opens,
    openedAt: ports.clock.now().toISOString(),
    tool: TOOL,
    custody,
  });
  try {
    await putDocument(ports.blobs, key, document, signal);
    custodian.settle();
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    const there = await readCurrentLineage(ports, cluster);
    if (there?.clusterId === opens.clusterId && there.number === opens.number) {
      await custodian.skip([{ key }], "another run opened this lineage first");
      return;
    }
    throw new LifeboatError("busy", `another host opened a lineage of ${cluster} at the same time`, {
      hint: "run the command again",
      cause: error,
    });
  }
}
