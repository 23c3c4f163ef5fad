import { intakeKey, nodeFilesDataKey, nodeFilesKey } from "../../shared/documents/layout.ts";
import { digestOf, signDocument } from "../../shared/documents/signed-document.ts";
import { newIntake } from "../../shared/store/intake-keys.ts";
import { encryptSmall } from "../../shared/seal/age.ts";
import { CLUSTER, plant } from "./vaults.ts";
import type { TestVault } from "./vaults.ts";

const tool = { name: "etcd-lifeboat", version: "0.1.0" };

/** An intake in the vault: its recipient. */
export async function putIntake(vault: TestVault, number: number, breakGlass: readonly string[] = []): Promise<string> {
  const wrapped = await newIntake({ keys: vault.keys }, breakGlass, { cluster: CLUSTER, number });
  const head = { type: "intake", formatVersion: 1, cluster: CLUSTER, number, createdAt: "2026-11-21T08:00:00.000Z", tool } as const;
  plant(vault, intakeKey(CLUSTER, number), (await signDocument(vault.keys, "intake", { ...head, ...wrapped })).bytes);
  return wrapped.recipient;
}

/** A set of `node` whose plaintext is `tar`, encrypted to the recipient of an intake: the age file as it is stored. */
export async function putSet(
  vault: TestVault,
  { node, id, intake, recipient, tar }: { node: string; id: string; intake: number; recipient: string; tar: Uint8Array },
): Promise<Uint8Array> {
  const bytes = await encryptSmall([recipient], tar);
  const key = nodeFilesDataKey(CLUSTER, node, id);
  const time = id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  plant(vault, key, bytes);
  const signed = await signDocument(vault.keys, "node-files", {
    type: "node-files",
    formatVersion: 1,
    cluster: CLUSTER,
    node,
    id,
    collectedAt: time,
    addedAt: time,
    intake,
    data: { key, digest: digestOf(bytes), bytes: bytes.length },
    tar: { bytes: tar.length, entries: 2 },
    files: [{ path: "/etc/etcd.env", bytes: 3, mode: "0600" }],
    encryptionKeys: [],
    tool,
  });
  plant(vault, nodeFilesKey(CLUSTER, node, id), signed.bytes);
  return bytes;
}
