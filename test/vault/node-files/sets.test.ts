import { describe, expect, test } from "vitest";
import { intakeKey, nodeFilesDataKey, nodeFilesKey } from "../../../shared/documents/layout.ts";
import { signDocument } from "../../../shared/documents/signed-document.ts";
import type { Unsigned } from "../../../shared/documents/signed-document.ts";
import { newIntake, openIntake, openNodeFiles } from "../../../shared/store/intake-keys.ts";
import { encryptSmall, recipientOf } from "../../../shared/seal/age.ts";
import { readIntake, readIntakes } from "../../../shared/vault/node-files/intakes.ts";
import { newestNodeFiles, readNodeFiles, readNodeFilesAt } from "../../../shared/vault/node-files/sets.ts";
import { failureOf, inChunks } from "../../support/blobs.ts";
import { whole } from "../../seal/streams.ts";
import { signedBy } from "../../support/envelopes.ts";
import { saying } from "../../support/matchers.ts";
import { useVault } from "../../support/use-vault.ts";
import { CLUSTER, plant } from "../../support/vaults.ts";

const { vault, keys } = useVault();
const tool = { name: "etcd-lifeboat", version: "0.1.0" };

async function putIntake(number: number, at = number): Promise<string> {
  const wrapped = await newIntake({ keys: vault.keys }, [keys.breakGlass.recipient], { cluster: CLUSTER, number });
  const createdAt = "2026-11-21T10:00:00.000Z";
  const { bytes } = await signDocument(vault.keys, "intake", {
    type: "intake",
    formatVersion: 1,
    cluster: CLUSTER,
    number,
    createdAt,
    ...wrapped,
    tool,
  });
  plant(vault, intakeKey(CLUSTER, at), bytes);
  return wrapped.recipient;
}

function setOf(node: string, id: string): Unsigned<"node-files"> {
  const time = `${id.slice(0, 4)}-${id.slice(4, 6)}-${id.slice(6, 8)}T${id.slice(9, 11)}:${id.slice(11, 13)}:${id.slice(13, 15)}.000Z`;
  return {
    type: "node-files",
    formatVersion: 1,
    cluster: CLUSTER,
    node,
    id,
    collectedAt: time,
    addedAt: time,
    intake: 1,
    data: { key: nodeFilesDataKey(CLUSTER, node, id), digest: `sha256:${"ab".repeat(32)}`, bytes: 10 },
    tar: { bytes: 10_240, entries: 2 },
    files: [{ path: "/etc/etcd.env", bytes: 3, mode: "0600" }],
    encryptionKeys: [],
    tool,
  };
}

async function putSet(node: string, id: string, at = nodeFilesKey(CLUSTER, node, id)): Promise<void> {
  plant(vault, at, (await signDocument(vault.keys, "node-files", setOf(node, id))).bytes);
}

describe("the intake of a cluster", () => {
  test("is the highest that is believed, and each opens by its own wrapping or by break-glass", async () => {
    expect(await readIntakes(vault, CLUSTER)).toEqual({ current: undefined, last: 0, faults: [] });
    const [first, second] = [await putIntake(1), await putIntake(2)];
    plant(vault, intakeKey(CLUSTER, 3), "{}");
    await putIntake(7, 4);
    const { current, last, faults } = await readIntakes(vault, CLUSTER);
    expect([current?.intake.recipient, last]).toEqual([second, 4]);
    expect(faults.map(({ message }) => message)).toEqual([
      saying("intake/4.json holds a document of number 7"),
      saying("intake/3.json is not a signed envelope"),
    ]);
    const { intake } = await readIntake(vault, CLUSTER, 1);
    expect(await recipientOf(await openIntake(intake, { keys: vault.keys }))).toBe(first);
    expect(await recipientOf(await openIntake(intake, { keys: vault.keys }, { identities: [keys.breakGlass.identity] }))).toBe(first);
    const sealed = await encryptSmall([first], Buffer.from("a tar"));
    expect((await whole(openNodeFiles(await openIntake(intake, { keys: vault.keys }), inChunks(sealed, [7])))).toString()).toBe("a tar");
    expect(await failureOf(readIntake(vault, CLUSTER, 9))).toMatchObject({ code: "verify/missing" });
    expect(await failureOf(readIntake(vault, CLUSTER, 3))).toMatchObject({ code: "verify/format" });
  });

  test("does not open as another's", async () => {
    await putIntake(1);
    const { intake } = await readIntake(vault, CLUSTER, 1);
    for (const other of [
      { ...intake, number: 2 },
      { ...intake, cluster: "staging" },
    ])
      expect(await failureOf(openIntake(other, { keys: vault.keys }))).toMatchObject({ code: "verify/sealed" });
    const stranger = { ...intake, recipient: keys.breakGlass.recipient };
    expect(await failureOf(openIntake(stranger, { keys: vault.keys }))).toMatchObject({ code: "verify/sealed" });
  });

  test("is not believed by the key that signs snapshots", async () => {
    await putIntake(1);
    const { intake } = await readIntake(vault, CLUSTER, 1);
    plant(vault, intakeKey(CLUSTER, 2), await signedBy(vault.keys, "snapshot", { ...intake, number: 2 }, "intake"));
    const { current, faults } = await readIntakes(vault, CLUSTER);
    expect(current?.intake.number).toBe(1);
    expect(faults).toMatchObject([{ code: "verify/untrusted" }]);
  });
});

describe("sets of nodes' files", () => {
  test("are listed by node, the newest first, with what is not believed beside them", async () => {
    await putSet("node-b", "20261121T110000Z");
    for (const id of ["20261121T110000Z", "20261122T110000Z", "20261120T110000Z"]) await putSet("node-a", id);
    plant(vault, nodeFilesDataKey(CLUSTER, "node-a", "20261122T110000Z"), "data");
    await putSet("node-b", "20261123T110000Z", nodeFilesKey(CLUSTER, "node-a", "20261123T110000Z"));
    const { byNode, faults } = await readNodeFiles(vault, CLUSTER);
    expect([...byNode].map(([node, sets]) => [node, ...sets.map(({ document }) => document.id)])).toEqual([
      ["node-a", "20261122T110000Z", "20261121T110000Z", "20261120T110000Z"],
      ["node-b", "20261121T110000Z"],
    ]);
    expect(faults).toMatchObject([{ node: "node-a", time: "20261123T110000Z", error: { code: "verify/format" } }]);
    const newest = await newestNodeFiles(vault, CLUSTER, "node-a");
    expect(newest).toMatchObject({ found: { document: { id: "20261122T110000Z" } }, faults: [{ time: "20261123T110000Z" }] });
    const earlier = await newestNodeFiles(vault, CLUSTER, "node-a", { until: new Date("2026-11-22T10:59:59Z") });
    expect(earlier.found?.document.id).toBe("20261121T110000Z");
    expect((await newestNodeFiles(vault, CLUSTER, "node-c")).found).toBeUndefined();
    expect(await readNodeFilesAt(vault, CLUSTER, "node-b", "20261121T110000Z")).toMatchObject({ document: { node: "node-b" } });
    expect(await readNodeFilesAt(vault, CLUSTER, "node-b", "20261122T110000Z")).toBeUndefined();
    expect(await failureOf(readNodeFilesAt(vault, CLUSTER, "node-a", "20261123T110000Z"))).toMatchObject({ code: "verify/format" });
  });

  test("name no other data than their own", async () => {
    const other = { ...setOf("node-a", "20261121T110000Z"), data: { ...setOf("node-b", "20261121T110000Z").data } };
    plant(vault, nodeFilesKey(CLUSTER, "node-a", "20261121T110000Z"), await signedBy(vault.keys, "audit", other, "node-files"));
    const { byNode, faults } = await readNodeFiles(vault, CLUSTER);
    expect(byNode.size).toBe(0);
    expect(faults).toMatchObject([{ error: { message: saying("not the key of this set's own data") } }]);
  });
});
