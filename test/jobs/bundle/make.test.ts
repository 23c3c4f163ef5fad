import { describe, expect, test, vi } from "vitest";
import { composeControlTar, ENTRY } from "../../../shared/bundle/control-tar.ts";
import { parseKeyValues } from "../../../shared/bundle/key-values.ts";
import { readTar } from "../../../shared/bundle/tar.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import { digestOf } from "../../../shared/documents/signed-document.ts";
import { verifyCustody } from "../../../shared/jobs/audit/custody.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { parsePem, verifySignature } from "../../../shared/keys/public-key.ts";
import { decryptSmall } from "../../../shared/seal/age.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { failureOf } from "../../support/blobs.ts";
import { bundleOf, inspectIn, MemoryFolder, newRecipient, SMALL_PARTS } from "../../support/bundles-made.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, quarantine } from "../../support/vaults.ts";

const ID = "20261121T100000Z";
const REF = `${CLUSTER}/${ID}`;
const { vault } = useBuiltVault(async (building) => {
  const { manifest } = await backUp(building, { slot: "2026-11-21T10:00:00Z" });
  await verifyDeep(building, REF);
  return { manifest };
});

function planIn(tar: Uint8Array): ReadonlyMap<string, string> {
  const plan = readTar(tar, "x").entries.find(({ name }) => name === ENTRY.plan);
  return parseKeyValues(plan?.bytes ?? new Uint8Array(), "plan");
}

describe("a bundle", () => {
  test("has for each recipient a control tar that the bundle key signed, and the identity for nobody else", async () => {
    const [one, two] = [await newRecipient("cp-1"), await newRecipient("oncall", false)];
    const { made, folder } = await bundleOf(vault, `${CLUSTER}/good`, [one, two], { reason: "the cluster is dead" });
    expect([...folder.files.keys()]).toEqual(["bundle.pub", "cp-1.tar", "oncall.tar", "cp-1.tar.sig", "oncall.tar.sig"]);
    const key = parsePem(folder.files.get("bundle.pub")?.toString() ?? "", "bundle.pub");
    expect(key.fingerprint).toBe(vault.trusted.bundle[0]);
    for (const { name, identity } of [one, two]) {
      const tar = folder.files.get(`${name}.tar`) ?? Buffer.alloc(0);
      expect(verifySignature(key, tar, folder.files.get(`${name}.tar.sig`) ?? Buffer.alloc(0))).toBe(true);
      const { entries } = readTar(tar, name);
      expect(entries.map((entry) => `${entry.mode.toString(8)} ${entry.name}`)).toEqual([
        "644 bundle/plan",
        "644 bundle/recipient",
        "644 bundle/manifest.json",
        "600 bundle/identity.age",
        "644 bundle/NEXT-STEPS.txt",
        "755 bundle/restore.sh",
        "755 bundle/member.sh",
        "644 bundle/lib/plan.sh",
        "644 bundle/lib/verify.sh",
        "755 bundle/bin/age",
        "755 bundle/bin/etcdctl",
        "755 bundle/bin/etcdutl",
        "755 bundle/bin/unzstd",
        "644 bundle/LICENSES.txt",
        "644 bundle/SHA256SUMS",
      ]);
      const sealed = entries.find((entry) => entry.name === ENTRY.identity)?.bytes ?? new Uint8Array();
      expect(Buffer.from(await decryptSmall([identity], sealed)).toString()).toMatch(
        new RegExp(`^# context: {"cluster":"prod","snapshot":"${ID}"}\nAGE-SECRET-KEY-1[0-9A-Z]+\n$`),
      );
      const other = name === one.name ? two : one;
      expect(await failureOf(decryptSmall([other.identity], sealed))).toMatchObject({ code: "keys/no-match" });
      expect(tar.includes("AGE-SECRET-KEY")).toBe(false);
    }
    expect(made.warnings).toEqual([]);
    expect(await inspectIn(vault, folder)).toMatchObject({ faults: [], payload: { state: "missing" } });
  });

  test("is told in the custody log, which still verifies, before any file is there", async () => {
    const recipient = await newRecipient("oncall", false);
    let seen: readonly unknown[] = [];
    const folder = new MemoryFolder();
    const output = Object.assign(Object.create(folder) as MemoryFolder, {
      write: (...args: Parameters<MemoryFolder["write"]>) => {
        seen = custodyOf(vault);
        return folder.write(...args);
      },
    });
    const { made } = await bundleOf(vault, REF, [recipient], { reason: "drill", output });
    const record = custodyOf(vault).at(-1);
    expect(seen).toHaveLength(custodyOf(vault).length);
    expect(record).toMatchObject({
      sequence: made.custody.sequence,
      event: "bundle",
      actor: "ann@backups",
      signer: { purpose: "bundle" },
      subjects: [
        { key: manifestKey(CLUSTER, ID), digest: digestOf(bytesAt(vault, manifestKey(CLUSTER, ID))) },
        { key: made.plan.payload.key, digest: made.plan.payload.sha256 },
      ],
      details: {
        reason: "drill",
        bundle: {
          published: false,
          plan: made.planDigest,
          recipients: [
            { name: "oncall", key: recipient.key, enrolled: false, tar: digestOf(folder.files.get("oncall.tar") ?? Buffer.alloc(0)) },
          ],
        },
      },
    });
    const report = await verifyCustody(vault, CLUSTER, { onRecord: () => undefined });
    expect(report.findings).toEqual([]);
  });

  test("has the plan that its manifest, the members and the clock make", async () => {
    const { folder, made } = await bundleOf(vault, REF, [await newRecipient("cp-1")]);
    const plan = planIn(folder.files.get("cp-1.tar") ?? Buffer.alloc(0));
    const { manifest } = made.plan;
    expect(Object.fromEntries(plan)).toMatchObject({
      FORMAT: "1",
      CLUSTER,
      SNAPSHOT: ID,
      GOOD: "yes",
      LACKS: "",
      ARCH: "amd64",
      ETCD_VERSION: "3.6.16",
      TOOLS_MINOR: "3.6",
      PAYLOAD_SHA256: made.plan.payload.sha256.slice(7),
      SNAPSHOT_SHA256: manifest.snapshot.sha256.slice(7),
      SNAPSHOT_TRAILER: manifest.snapshot.trailer.slice(7),
      SNAPSHOT_BYTES: String(manifest.snapshot.bytes),
      TOKEN: `lifeboat-prod-${ID}-0707070707070707`,
      MEMBERS: "1",
      MEMBER_1_NAME: "m1",
      REVISION_AFTER: String(BigInt(plan.get("REVISION") ?? "") + BigInt(plan.get("BUMP_REVISION") ?? "")),
      CREATED_AT: vault.clock.now().toISOString(),
      EXPIRES_EPOCH: String(Math.floor(vault.clock.now().getTime() / 1000) + 86_400),
    });
  });

  test("is the same again but for the identity", async () => {
    const recipient = await newRecipient("cp-1");
    const { made } = await bundleOf(vault, REF, [recipient]);
    const { programs, licences } = await SMALL_PARTS.programs("amd64", "3.6", new AbortController().signal);
    const content = {
      plan: made.plan,
      manifest: bytesAt(vault, manifestKey(CLUSTER, ID)),
      ...(await SMALL_PARTS.scripts()),
      programs,
      licences,
    };
    const compose = (): Buffer => Buffer.concat(composeControlTar(content, recipient, Buffer.from("identity"), "steps").pieces);
    expect(compose().equals(compose())).toBe(true);
  });

  test("is made of a snapshot that is not good, with a warning that says what it lacks", async () => {
    await quarantine(vault, ID);
    const { made, folder } = await bundleOf(vault, REF, [await newRecipient("cp-1")]);
    expect(made.warnings).toContain(`${REF} is not good: not countersigned; in quarantine: its members disagree`);
    expect(planIn(folder.files.get("cp-1.tar") ?? Buffer.alloc(0)).get("GOOD")).toBe("no");
    expect((await inspectIn(vault, folder)).notes).toContain(
      "the snapshot was not good when the bundle was made: not countersigned; in quarantine: its members disagree",
    );
  });

  test("reads documents alone, and none of the data", async () => {
    const read = vi.spyOn(vault.blobs, "get");
    await bundleOf(vault, REF, [await newRecipient("cp-1")]);
    const keys = read.mock.calls.map(([key]) => key);
    read.mockRestore();
    expect(keys).toContain(manifestKey(CLUSTER, ID));
    expect(keys.filter((key) => key.includes("/data/"))).toEqual([]);
  });
});

describe("no bundle is made", () => {
  test("where its data is gone, or of another size", async () => {
    const { made } = await bundleOf(vault, REF, [await newRecipient("cp-1")]);
    const { key } = made.plan.payload;
    const before = custodyOf(vault).length;
    vault.blobs.objects.set(key, { bytes: Buffer.alloc(3), modified: vault.clock.now() });
    expect(await failureOf(bundleOf(vault, REF, [await newRecipient("cp-1")]))).toMatchObject({ code: "verify/size" });
    vault.blobs.objects.delete(key);
    expect(await failureOf(bundleOf(vault, REF, [await newRecipient("cp-1")]))).toMatchObject({ code: "verify/missing" });
    expect(custodyOf(vault)).toHaveLength(before);
  });

  test("by a bundle key that is not trusted, and no key is opened for it", async () => {
    const trusted = { ...vault.trusted, bundle: [] };
    expect(await failureOf(bundleOf({ ...vault, trusted }, REF, [await newRecipient("cp-1")]))).toMatchObject({
      code: "config/invalid",
      message: /trustedKeys\.bundle does not list/,
    });
  });

  test("where the files cannot be written; the log says so", async () => {
    const output = Object.assign(new MemoryFolder(), { write: () => Promise.reject(new LifeboatError("store/full", "the disk is full")) });
    expect(await failureOf(bundleOf(vault, REF, [await newRecipient("cp-1")], { output }))).toMatchObject({ code: "store/full" });
    const [announced, failed] = custodyOf(vault).slice(-2);
    expect([announced?.event, failed?.event]).toEqual(["bundle", "failed"]);
    expect(failed?.details).toMatchObject({ of: announced?.sequence, code: "store/full" });
    expect((await verifyCustody(vault, CLUSTER, { onRecord: () => undefined })).findings).toEqual([]);
  });
});
