import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { composeControlTar, ENTRY } from "../../../shared/bundle/control-tar.ts";
import { readTar, writeTar } from "../../../shared/bundle/tar.ts";
import type { TarEntry } from "../../../shared/bundle/tar.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { pemOf } from "../../../shared/keys/public-key.ts";
import { payloadFile } from "../../../shared/bundle/plan.ts";
import { decryptSmall, encryptSmall, recipientOf } from "../../../shared/seal/age.ts";
import { failureOf } from "../../support/blobs.ts";
import { bundleOf, inspectIn, newRecipient, signAnew, SMALL_PARTS } from "../../support/bundles-made.ts";
import type { BundleOf, MemoryFolder, TestRecipient } from "../../support/bundles-made.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER } from "../../support/vaults.ts";
import { fitting } from "../../support/matchers.ts";

const [ID, OTHER] = ["20261121T100000Z", "20261121T090000Z"];
const { vault } = useBuiltVault(async (building) => {
  for (const slot of ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"]) await backUp(building, { slot });
  await backUp(building, { slot: "2026-11-21T10:00:00Z", cluster: "other" });
  await verifyDeep(building, `${CLUSTER}/${ID}`);
  return {};
});

async function whole(name = "cp-1", ref = `${CLUSTER}/${ID}`): Promise<BundleOf & { readonly recipient: TestRecipient }> {
  const recipient = await newRecipient(name);
  const bundle = await bundleOf(vault, ref, [recipient]);
  const { payload } = bundle.made.plan;
  bundle.folder.files.set(payloadFile(payload), bytesAt(vault, payload.key));
  return { ...bundle, recipient };
}

function opener(recipient: TestRecipient): {
  readonly recipients: readonly string[];
  open(file: Uint8Array): Promise<string>;
  recipientOf(identity: string): Promise<string>;
} {
  return {
    recipients: [recipient.key],
    open: async (file) => Buffer.from(await decryptSmall([recipient.identity], file)).toString(),
    recipientOf,
  };
}

/** The control tar with some files changed, and all sums made anew, signed again. */
async function withFiles(folder: MemoryFolder, change: (entries: readonly TarEntry[]) => readonly TarEntry[]): Promise<void> {
  const { entries, mtime } = readTar(folder.files.get("cp-1.tar") ?? Buffer.alloc(0), "cp-1.tar");
  await signAnew(vault, folder, "cp-1", Buffer.concat(writeTar(change(entries), mtime)));
}

describe("what holds", () => {
  test("is a whole bundle, also opened by its recipient", async () => {
    const { folder, recipient } = await whole();
    expect(await inspectIn(vault, folder, { identity: opener(recipient), clusters: [CLUSTER] })).toMatchObject({
      faults: [],
      findings: [],
      notes: [],
      payload: { state: "whole" },
    });
  });

  test("is held against a typed fingerprint without any configuration", async () => {
    const { folder } = await whole();
    const [fingerprint = ""] = vault.trusted.bundle;
    const found = await inspectIn(vault, folder, { trusted: undefined, fingerprint });
    expect(found).toMatchObject({ faults: [], findings: [] });
    expect(found.notes).toContain("no configuration was read: who signed the manifest was not checked again");
  });

  test("and is expired, or lacks its payload, needs a person", async () => {
    const { folder, made } = await whole();
    folder.files.delete(payloadFile(made.plan.payload));
    vault.clock.advance(86_400_000);
    expect((await inspectIn(vault, folder)).findings).toEqual([fitting(/^the plan expired at /), fitting(/is not in the folder/)]);
  });
});

describe("what does not hold", () => {
  test("is any changed bit of the tar or its signature", async () => {
    const { folder } = await whole();
    const random = new SeededRandom(11);
    for (const name of ["cp-1.tar", "cp-1.tar.sig"]) {
      const bytes = folder.files.get(name) ?? Buffer.alloc(0);
      for (let round = 0; round < 150; round++) {
        const place = random.below(bytes.length);
        const changed = Buffer.from(bytes);
        changed[place] = (changed[place] ?? 0) ^ (1 << random.below(8));
        folder.files.set(name, changed);
        const { faults } = await inspectIn(vault, folder);
        expect(faults, `${name} at ${place}`).toEqual([fitting(/signature of cp-1\.tar is not by/)]);
      }
      folder.files.set(name, bytes);
    }
    expect((await inspectIn(vault, folder)).faults).toEqual([]);
  });

  test("is any changed bit of the payload, or one that is cut or longer", async () => {
    const { folder, made } = await whole();
    const file = payloadFile(made.plan.payload);
    const bytes = folder.files.get(file) ?? Buffer.alloc(0);
    const random = new SeededRandom(12);
    const changed = Array.from({ length: 40 }, () => {
      const copy = Buffer.from(bytes);
      const place = random.below(bytes.length);
      copy[place] = (copy[place] ?? 0) ^ (1 << random.below(8));
      return copy;
    });
    for (const other of [...changed, bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from("x")]), Buffer.alloc(0)]) {
      folder.files.set(file, other);
      expect(await inspectIn(vault, folder)).toMatchObject({
        payload: { state: "damaged" },
        faults: [fitting(/^the payload .* than the plan says/)],
      });
    }
  });

  test("is a key that is not trusted, or not the typed one", async () => {
    const { folder } = await whole();
    expect(await failureOf(inspectIn(vault, folder, { fingerprint: `sha256:${"0".repeat(64)}` }))).toMatchObject({
      code: "verify/untrusted",
    });
    folder.files.set("bundle.pub", Buffer.from(pemOf(await vault.keys.publicKey("audit"))));
    expect(await failureOf(inspectIn(vault, folder))).toMatchObject({ code: "verify/untrusted" });
    expect(await failureOf(inspectIn(vault, folder, { trusted: undefined }))).toMatchObject({ code: "usage" });
  });

  test("is a missing signature, and a signature without its tar", async () => {
    const { folder } = await whole();
    folder.files.set("cp-2.tar.sig", Buffer.from("x"));
    folder.files.delete("cp-1.tar.sig");
    expect((await inspectIn(vault, folder)).faults).toEqual(["there is no cp-1.tar.sig", "cp-2.tar.sig is there without its tar"]);
  });

  test("is a folder without a bundle", async () => {
    const { folder } = await whole();
    folder.files.delete("cp-1.tar");
    expect(await failureOf(inspectIn(vault, folder))).toMatchObject({ code: "input/not-found" });
  });
});

describe("what does not hold though the bundle key signed it", () => {
  test.each([
    ["BUMP_REVISION", "BUMP_REVISION=5"],
    ["SNAPSHOT_SHA256", `SNAPSHOT_SHA256=${"0".repeat(64)}`],
    ["SNAPSHOT_TRAILER", `SNAPSHOT_TRAILER=${"0".repeat(64)}`],
    ["PAYLOAD_SHA256", `PAYLOAD_SHA256=${"0".repeat(64)}`],
    ["CLUSTER", "CLUSTER=other"],
    ["HASHKV", "HASHKV=1"],
    ["INITIAL_CLUSTER", "INITIAL_CLUSTER=m1=https://10.9.9.9:2380"],
    ["MEMBERS", "MEMBERS=0"],
    ["TOKEN", "TOKEN=etcd-cluster"],
    ["FORMAT", "FORMAT=2"],
  ])("is a plan whose %s is another", async (key, line) => {
    const { folder } = await whole();
    await withFiles(folder, (entries) =>
      withSums(
        entries.map((entry) =>
          entry.name === ENTRY.plan
            ? {
                ...entry,
                bytes: Buffer.from(
                  Buffer.from(entry.bytes)
                    .toString()
                    .replace(new RegExp(`^${key}=.*$`, "m"), line),
                ),
              }
            : entry,
        ),
      ),
    );
    const { faults } = await inspectIn(vault, folder);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join("\n")).toMatch(/plan/);
  });

  test("is a manifest of another cluster, rightly signed by the snapshot key", async () => {
    const { folder } = await whole();
    await withFiles(folder, (entries) =>
      withSums(
        entries.map((entry) => (entry.name === ENTRY.manifest ? { ...entry, bytes: bytesAt(vault, manifestKey("other", ID)) } : entry)),
      ),
    );
    const { faults } = await inspectIn(vault, folder);
    expect(faults).toContain("the plan in cp-1.tar has CLUSTER=prod, and the manifest in it says otherwise");
  });

  test("is a bundle of a cluster that the configuration does not have", async () => {
    const { folder } = await whole("cp-1", `other/${ID}`);
    expect((await inspectIn(vault, folder, { clusters: [CLUSTER] })).faults).toEqual([
      "cp-1.tar is of the cluster other, which the configuration does not have",
    ]);
  });

  test("is the identity of another snapshot, as its recipient sees", async () => {
    const { folder, recipient } = await whole();
    const { manifest } = (await whole("cp-1", `${CLUSTER}/${OTHER}`)).made.plan;
    const others = await vault.snapshots.addressTo(manifest, manifest.stored, [recipient.key]);
    await withFiles(folder, (entries) =>
      withSums(entries.map((entry) => (entry.name === ENTRY.identity ? { ...entry, bytes: others } : entry))),
    );
    expect((await inspectIn(vault, folder, { identity: opener(recipient) })).faults).toEqual([fitting(/belongs to another snapshot/)]);
    // Relabelled, it is still the identity of something else.
    const text = Buffer.from(await decryptSmall([recipient.identity], others))
      .toString()
      .replace(OTHER, ID);
    const relabelled = await encryptSmall([recipient.key], Buffer.from(text));
    await withFiles(folder, (entries) =>
      withSums(entries.map((entry) => (entry.name === ENTRY.identity ? { ...entry, bytes: relabelled } : entry))),
    );
    expect((await inspectIn(vault, folder, { identity: opener(recipient) })).faults).toEqual([
      "the identity in cp-1.tar is that of another snapshot",
    ]);
  });

  test("is an identity that its recipient cannot open", async () => {
    const { folder, recipient, made } = await whole();
    const stranger = await newRecipient("stranger");
    const { manifest } = made.plan;
    const others = await vault.snapshots.addressTo(manifest, manifest.stored, [stranger.key]);
    await withFiles(folder, (entries) =>
      withSums(entries.map((entry) => (entry.name === ENTRY.identity ? { ...entry, bytes: others } : entry))),
    );
    expect((await inspectIn(vault, folder, { identity: opener(recipient) })).faults).toEqual([fitting(/does not open for its recipient/)]);
  });

  test("is a tar under the name of another recipient", async () => {
    const { folder } = await whole();
    for (const end of ["", ".sig"]) folder.files.set(`cp-9.tar${end}`, folder.files.get(`cp-1.tar${end}`) ?? Buffer.alloc(0));
    expect((await inspectIn(vault, folder)).faults).toEqual(["cp-9.tar is the control tar of cp-1"]);
  });

  test("is two tars of different plans", async () => {
    const { folder } = await whole();
    const other = await whole("cp-2");
    for (const [name, bytes] of other.folder.files) folder.files.set(name, bytes);
    vault.clock.advance(1000);
    const later = await whole("cp-3");
    for (const [name, bytes] of later.folder.files) folder.files.set(name, bytes);
    expect((await inspectIn(vault, folder)).faults).toEqual([
      "the control tars are of different plans: members restored by them would not be one cluster",
    ]);
  });

  test.each<readonly [string, (entries: readonly TarEntry[]) => readonly TarEntry[]]>([
    [
      "a file more",
      (entries) => withSums([...entries.slice(0, -1), { name: "bundle/more", mode: 0o644, bytes: Buffer.from("x") }, ...entries.slice(-1)]),
    ],
    ["a file elsewhere", (entries) => withSums([{ name: "etc/passwd", mode: 0o644, bytes: Buffer.from("x") }, ...entries])],
    ["a file fewer", (entries) => withSums(entries.filter(({ name }) => name !== ENTRY.licences))],
    [
      "its files in another order",
      (entries) => withSums([entries[1], entries[0], ...entries.slice(2)].filter((each) => each !== undefined)),
    ],
    [
      "an identity that others may read",
      (entries) => entries.map((entry) => (entry.name === ENTRY.identity ? { ...entry, mode: 0o644 } : entry)),
    ],
    ["a plan that may be run", (entries) => entries.map((entry) => (entry.name === ENTRY.plan ? { ...entry, mode: 0o755 } : entry))],
    [
      "a program with the bit for its owner's rights",
      (entries) => entries.map((entry) => (entry.name.endsWith("bin/age") ? { ...entry, mode: 0o4755 } : entry)),
    ],
    [
      "sums that do not fit",
      (entries) => entries.map((entry) => (entry.name === ENTRY.script ? { ...entry, bytes: Buffer.from("#!/bin/sh\n") } : entry)),
    ],
  ])("is a tar with %s", async (_what, change) => {
    const { folder } = await whole();
    await withFiles(folder, change);
    const { faults } = await inspectIn(vault, folder);
    expect(faults).toEqual([fitting(/^cp-1\.tar is no control tar/)]);
  });

  test("is a recipient's file of another plan", async () => {
    const { folder, made, recipient } = await whole();
    const { programs, licences } = await SMALL_PARTS.programs("amd64", "3.6", new AbortController().signal);
    const parts = { manifest: bytesAt(vault, manifestKey(CLUSTER, ID)), ...(await SMALL_PARTS.scripts()), programs, licences };
    const other = composeControlTar({ ...parts, plan: { ...made.plan, bump: made.plan.bump + 1n } }, recipient, Buffer.from("x"), "");
    const file = readTar(Buffer.concat(other.pieces), "x").entries.find(({ name }) => name === ENTRY.recipient);
    await withFiles(folder, (entries) =>
      withSums(entries.map((entry) => (entry.name === ENTRY.recipient ? { ...entry, bytes: file?.bytes ?? Buffer.alloc(0) } : entry))),
    );
    expect((await inspectIn(vault, folder)).faults).toEqual(["the recipient's file is of another plan than the one in cp-1.tar"]);
  });
});

/** With SHA256SUMS as it has to be. */
function withSums(entries: readonly TarEntry[]): readonly TarEntry[] {
  const files = entries.slice(0, -1);
  const lines = files.map(({ name, bytes }) => `${sha256(bytes)}  ${name.replace(/^bundle\//, "")}\n`);
  return [...files, { name: ENTRY.sums, mode: 0o644, bytes: Buffer.from(lines.join("")) }];
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
