import { isLifeboatError } from "../../errors.ts";
import { manifestKey } from "../../documents/layout.ts";
import { openDocument } from "../../documents/signed-document.ts";
import type { StoredDocument } from "../../documents/signed-document.ts";
import type { SnapshotName } from "../../store/snapshot-store.ts";
import { readManifest } from "../../vault/catalog.ts";
import type { FoundManifest, Vault } from "../../vault/catalog.ts";
import { putDocument } from "../../vault/put-document.ts";

export interface Committed {
  readonly found: FoundManifest;
  /** True where another run had committed the slot. */
  readonly existing: boolean;
}

/** The commit point. The loser of a race for one slot returns the winner's snapshot; its own data object is an orphan for prune to sweep. */
export async function commitManifest(
  ports: Vault,
  document: StoredDocument,
  name: SnapshotName,
  signal: AbortSignal | undefined,
): Promise<Committed> {
  const key = manifestKey(name.cluster, name.id);
  // Read as any reader will, before it is written: what is committed is believed.
  const manifest = openDocument("snapshot", document.bytes, ports.trusted, key);
  try {
    await putDocument(ports.blobs, key, document, signal);
  } catch (error) {
    if (!isLifeboatError(error, "store/exists")) throw error;
    return { found: await readManifest(ports, name.cluster, name.id), existing: true };
  }
  return { found: await readBack(ports, name, { manifest, digest: document.digest }), existing: false };
}

/** Tells of a store that acknowledged what it did not keep. One that only fails to answer now does not undo the commit. */
async function readBack(vault: Vault, name: SnapshotName, written: FoundManifest): Promise<FoundManifest> {
  try {
    return await readManifest(vault, name.cluster, name.id);
  } catch (error) {
    if (isLifeboatError(error, "store/")) return written;
    throw error;
  }
}
