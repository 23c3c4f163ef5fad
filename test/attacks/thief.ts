import { manifestKey } from "../../shared/documents/layout.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import { idOfSlot } from "../../shared/documents/slot.ts";
import { inChunks } from "../support/blobs.ts";
import { signedBy } from "../support/envelopes.ts";
import { countedBlocks } from "../support/snapshots.ts";
import { CLUSTER, plant } from "../support/vaults.ts";
import type { TestVault } from "../support/vaults.ts";

/**
 * What a stolen writer can do: seals `bytes`, which it once took from etcd, under an id of its choice, and signs a manifest for it that says whatever it likes. `real` is the manifest of a real backup of these
 * bytes, so that all that it says of them is right. Gives the id.
 */
export async function claimSlot(
  vault: TestVault,
  {
    real,
    bytes,
    at,
    says = {},
  }: { readonly real: Manifest; readonly bytes: Uint8Array; readonly at: string; readonly says?: Partial<Manifest> },
): Promise<string> {
  const time = new Date(at).toISOString();
  const id = idOfSlot(new Date(at));
  const pending = await vault.snapshots.save({ cluster: CLUSTER, id }, countedBlocks(inChunks(bytes, [1 << 20])).blocks);
  const stored = await pending.commit();
  const forged = { ...real, id, slot: { time, trigger: "slot" }, startedAt: time, createdAt: time, stored, ...says };
  plant(vault, manifestKey(CLUSTER, id), await signedBy(vault.keys, "snapshot", forged));
  return id;
}
