import { contentOf } from "../../shared/jobs/backup/draft-manifest.ts";
import { SnapshotHasher } from "../../shared/snapshot/trailer.ts";
import { manifestKey } from "../../shared/documents/layout.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import { idOfSlot } from "../../shared/documents/slot.ts";
import { inChunks } from "../support/blobs.ts";
import { signedBy } from "../support/envelopes.ts";
import { countedBlocks } from "../support/snapshots.ts";
import { wholeScan } from "../snapshot/support/scanned.ts";
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
  const source = countedBlocks(inChunks(bytes, [1 << 20]));
  const stored = await (await vault.snapshots.save({ cluster: CLUSTER, id }, source.blocks)).commit(source.content());
  const forged = { ...real, id, slot: { time, trigger: "slot" }, startedAt: time, createdAt: time, stored, ...says };
  plant(vault, manifestKey(CLUSTER, id), await signedBy(vault.keys, "snapshot", forged));
  return id;
}

/**
 * The same with `bytes` that the cluster never held: all that the manifest says of them is right, and the members of the real backup are said to have confirmed them. `says` is the thief's word where it likes to say more.
 */
export function forgeSnapshot(
  vault: TestVault,
  {
    real,
    bytes,
    at,
    says = {},
  }: { readonly real: Manifest; readonly bytes: Uint8Array; readonly at: string; readonly says?: Partial<Manifest> },
): Promise<string> {
  const scan = wholeScan(bytes);
  const hasher = new SnapshotHasher();
  hasher.update(bytes);
  const { sha256, trailer } = hasher.finish();
  const content = contentOf(scan);
  const answer = scan.hashKv();
  if (!("hash" in answer)) throw new Error(answer.unavailable);
  const said = { revision: scan.lastRevision, compactRevision: scan.compactRevision, hash: answer.hash };
  const members = real.etcd.members.map(({ id, name }) => ({ id, name, answer: "agrees" as const, ...said }));
  const proof = {
    status: "proven" as const,
    revision: scan.lastRevision,
    agreement: "quorum" as const,
    voters: members.length,
    needed: members.length,
    members,
  };
  return claimSlot(vault, { real, bytes, at, says: { snapshot: { bytes: bytes.length, sha256, trailer }, content, proof, ...says } });
}
