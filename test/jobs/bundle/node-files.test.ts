import { describe, expect, test } from "vitest";
import { ENTRY, NODE_FILES } from "../../../shared/bundle/control-tar.ts";
import { parseKeyValues } from "../../../shared/bundle/key-values.ts";
import { readTar } from "../../../shared/bundle/tar.ts";
import { nodeFilesDataKey, nodeFilesKey } from "../../../shared/documents/layout.ts";
import { addressNodeFiles } from "../../../shared/store/intake-keys.ts";
import { decryptSmall, recipientOf } from "../../../shared/seal/age.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { failureOf } from "../../support/blobs.ts";
import { bundleOf, inspectIn, newRecipient } from "../../support/bundles-made.ts";
import type { BundleOf } from "../../support/bundles-made.ts";
import { saying } from "../../support/matchers.ts";
import { seededBytes } from "../../support/seeded-bytes.ts";
import { putIntake, putSet } from "../../support/stored-set.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, CLUSTER, custodyOf, plant } from "../../support/vaults.ts";
import type { TestVault } from "../../support/vaults.ts";

const REF = `${CLUSTER}/20261121T100000Z`;
const TIME = "20261121T090000Z";
/** Three chunks of age's, so that the payload is one. */
const TAR = seededBytes("a tar", 150_000);

const { vault } = useBuiltVault(async (building) => {
  const { manifest } = await backUp(building, { slot: "2026-11-21T10:00:00Z" });
  await verifyDeep(building, REF);
  return { manifest };
});

const withIntakes = (
  of: TestVault,
): TestVault & { readonly addressFiles: NonNullable<Parameters<typeof bundleOf>[0]["addressFiles"]> } => ({
  ...of,
  addressFiles: (set, intake, recipient) => addressNodeFiles(set, intake, { keys: of.keys }, recipient),
});

function entryIn({ folder }: BundleOf, recipient: string, name: string): Uint8Array | undefined {
  return readTar(folder.files.get(`${recipient}.tar`) ?? Buffer.alloc(0), recipient).entries.find((each) => each.name === name)?.bytes;
}

const recipientFile = (bundle: BundleOf, name: string): ReadonlyMap<string, string> =>
  parseKeyValues(entryIn(bundle, name, ENTRY.recipient) ?? new Uint8Array(), "recipient");

describe("a bundle", () => {
  test("has for each node its own newest set, with the payload as the node made it, and for nobody else", async () => {
    const intake = await putIntake(vault, 1);
    await putSet(vault, { node: "cp-1", id: "20261120T090000Z", intake: 1, recipient: intake, tar: Buffer.from("older") });
    const stored = await putSet(vault, { node: "cp-1", id: TIME, intake: 1, recipient: intake, tar: TAR });
    await putSet(vault, { node: "cp-2", id: TIME, intake: 1, recipient: intake, tar: Buffer.from("of cp-2") });
    const [one, other, stranger] = [await newRecipient("cp-1"), await newRecipient("oncall"), await newRecipient("cp-2", false)];
    const bundle = await bundleOf(withIntakes(vault), REF, [one, other, stranger]);
    const { made, folder } = bundle;
    expect(made).toMatchObject({ warnings: [], isWithoutFiles: false });
    expect(made.controls.map(({ nodeFiles }) => nodeFiles)).toEqual([TIME, undefined, undefined]);

    const given = Buffer.from(entryIn(bundle, "cp-1", NODE_FILES) ?? []);
    expect(Buffer.from(await decryptSmall([one.identity], given)).equals(TAR)).toBe(true);
    expect(await failureOf(decryptSmall([other.identity], given))).toMatchObject({ code: "keys/no-match" });
    // The nonce, and every chunk.
    const payload = (file: Uint8Array): Buffer =>
      Buffer.from(file.subarray(Buffer.from(file).indexOf("\n", Buffer.from(file).indexOf("\n---") + 1) + 1));
    expect(payload(given).equals(payload(stored))).toBe(true);
    expect(payload(given).length).toBeGreaterThan(TAR.length);
    expect(recipientFile(bundle, "cp-1").get("NODE_FILES")).toBe(TIME);
    expect(Buffer.from(entryIn(bundle, "cp-1", ENTRY.nextSteps) ?? []).toString()).toContain("restore.sh files --fingerprint");
    for (const { name } of [other, stranger]) {
      expect(entryIn(bundle, name, NODE_FILES)).toBeUndefined();
      expect(recipientFile(bundle, name).has("NODE_FILES")).toBe(false);
      expect(Buffer.from(entryIn(bundle, name, ENTRY.nextSteps) ?? []).toString()).toContain("Node files: none");
    }
    expect(
      custodyOf(vault)
        .at(-1)
        ?.details.bundle?.recipients.map((each) => each.nodeFiles),
    ).toEqual([TIME, undefined, undefined]);
    const opener = {
      recipients: [one.key],
      open: async (file: Uint8Array) => Buffer.from(await decryptSmall([one.identity], file)).toString(),
      recipientOf,
    };
    const inspected = await inspectIn(vault, folder, { identity: opener });
    expect(inspected.faults).toEqual([]);
    expect(inspected.notes).toContain(`cp-1.tar has the node's own files, collected ${TIME}`);
  });

  test("leaves them out when told, and where nothing opens them", async () => {
    const intake = await putIntake(vault, 1);
    await putSet(vault, { node: "cp-1", id: TIME, intake: 1, recipient: intake, tar: TAR });
    const { made } = await bundleOf(vault, REF, [await newRecipient("cp-1")]);
    expect(made).toMatchObject({ warnings: [], isWithoutFiles: false, controls: [{ nodeFiles: undefined }] });
  });

  test.each<[string, (of: TestVault) => void, string, string | undefined]>([
    [
      "other bytes stand there",
      (of) => plant(of, nodeFilesDataKey(CLUSTER, "cp-1", TIME), Buffer.from("age-encryption.org/v1\n")),
      "is not what was signed",
      undefined,
    ],
    [
      "the data is gone",
      (of) => void of.blobs.objects.delete(nodeFilesDataKey(CLUSTER, "cp-1", TIME)),
      "the bundle for cp-1 has no node files",
      undefined,
    ],
    ["the intake is gone", (of) => void of.blobs.objects.delete(`clusters/${CLUSTER}/intake/1.json`), "intake/1.json is not in", undefined],
    [
      "a newer one is not signed",
      (of) => plant(of, nodeFilesKey(CLUSTER, "cp-1", "20261121T093000Z"), "{}"),
      "093000Z.json is not believed",
      TIME,
    ],
  ])("is made all the same where %s, and says so", async (_, spoil, message, expected) => {
    const intake = await putIntake(vault, 1);
    await putSet(vault, { node: "cp-1", id: TIME, intake: 1, recipient: intake, tar: TAR });
    spoil(vault);
    const { made } = await bundleOf(withIntakes(vault), REF, [await newRecipient("cp-1")]);
    expect(made).toMatchObject({ isWithoutFiles: true, warnings: [saying(message)] });
    expect(made.controls.map(({ nodeFiles }) => nodeFiles)).toEqual([expected]);
  });
});
