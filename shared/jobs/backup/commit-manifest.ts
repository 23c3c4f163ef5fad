import type { CustodyRecord } from "../../documents/custody-record.ts";
import { manifestKey } from "../../documents/layout.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import type { Unsigned } from "../../documents/signed-document.ts";
import { isLifeboatError } from "../../errors.ts";
import type { SnapshotName } from "../../store/snapshot-store.ts";
import { readManifest, subjectOf } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import type { Vault } from "../../vault/vault.ts";
import type { CustodyPorts, Subjects } from "../../vault/custody/append.ts";
import type { Custodian } from "../../vault/custody/custodian.ts";
import { publish } from "../../vault/publish.ts";
import type { Publication } from "../../vault/publish.ts";

export interface Committed {
  readonly found: FoundManifest;
  /** True where another run had committed the slot. */
  readonly existing: boolean;
}

export interface Commit extends Pick<Publication<"snapshot", FoundManifest>, "steps" | "signal"> {
  readonly name: SnapshotName;
  /** The objects that hold the snapshot's data. */
  readonly about: Subjects;
  readonly details: CustodyRecord["details"];
  readonly draft: (custody: CustodyReceipt) => Unsigned<"snapshot">;
}

/** The commit point. The loser of a race for one slot returns the winner's snapshot; its own data object is an orphan, for a sweep. */
export async function commitManifest(ports: CustodyPorts, custodian: Custodian, { name, ...commit }: Commit): Promise<Committed> {
  const published = await publish<"snapshot", FoundManifest>(ports, custodian, {
    kind: "snapshot",
    place: manifestKey(name.cluster, name.id),
    event: "backup",
    onTaken: async () => {
      const instead = await readManifest(ports, name.cluster, name.id);
      return { reason: "another run committed the slot first", about: [subjectOf(instead)], instead };
    },
    ...commit,
  });
  if (published.outcome === "taken") return { found: published.instead, existing: true };
  return { found: await readBack(ports, name, { manifest: published.document, digest: published.digest }), existing: false };
}

/** Shows a store that acknowledged what it did not keep. One that only fails to answer now does not undo the commit. */
async function readBack(vault: Vault, name: SnapshotName, written: FoundManifest): Promise<FoundManifest> {
  try {
    return await readManifest(vault, name.cluster, name.id);
  } catch (error) {
    if (isLifeboatError(error, "store/")) return written;
    throw error;
  }
}
