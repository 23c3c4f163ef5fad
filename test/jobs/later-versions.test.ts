import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { custodyKey, drillKey, lineageKey, manifestKey, pinKey, verifiedKey } from "../../shared/documents/layout.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import { digestOf, signDocument } from "../../shared/documents/signed-document.ts";
import { verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import { showSnapshot } from "../../shared/jobs/inspect/show.ts";
import { listSnapshots } from "../../shared/jobs/list.ts";
import { findOrphans } from "../../shared/jobs/orphans/find.ts";
import { verifyMissing } from "../../shared/jobs/verify/verify-missing.ts";
import { verifyDeep, verifyShallow } from "../../shared/jobs/verify/verify.ts";
import { readManifest } from "../../shared/vault/catalog.ts";
import { appendRecord } from "../../shared/vault/custody/append.ts";
import { readLineages } from "../../shared/vault/lineage/lineages.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { failureOf } from "../support/blobs.ts";
import { payloadOf, signedBy } from "../support/envelopes.ts";
import { saying } from "../support/matchers.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, makeTestKeys, newVault, plant, sealedObject } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/** A store that a later version of lifeboat wrote into: what this one does not know yet is said, and taken for nothing. */

let keys: TestKeys;
let strangers: TestKeys;
let vault: TestVault;
let manifest: Manifest;
beforeAll(async () => {
  [keys, strangers] = [await makeTestKeys(), await makeTestKeys()];
});
afterAll(() => Promise.all([keys.remove(), strangers.remove()]));
beforeEach(async () => {
  vault = newVault(keys);
  ({ manifest } = await backUp(vault));
  vault.clock.advance(1000);
});

const ref = (): string => `${CLUSTER}/${manifest.id}`;

/** As the later version would have written the manifest. */
async function rewrite(change: object): Promise<void> {
  plant(vault, manifestKey(CLUSTER, manifest.id), await signedBy(vault.keys, "snapshot", { ...manifest, ...change }));
}

async function findings(): Promise<readonly (readonly [string, string])[]> {
  const report = await verifyCustody(vault, CLUSTER, { onRecord: () => undefined });
  return report.findings.map(({ code, subject }) => [code, subject]);
}

async function lacks(): Promise<readonly string[]> {
  const { snapshots } = await listSnapshots(vault, CLUSTER);
  return snapshots.flatMap((each) => ("lacks" in each ? each.lacks.map(({ code }) => code) : ["unbelieved"]));
}

describe("words that change nothing of what a snapshot is worth", () => {
  test("a trigger, a kind of wrapping and an answer leave it good, and the known wrapping opens it", async () => {
    const stored = sealedObject(manifest.stored);
    const [known] = stored.encryption.wrappings;
    const wrappings = [{ kind: "awskms2", key: "mrk:1", ciphertext: "AAAA" }, known];
    const answer = { id: "ab", name: "m9", answer: "concurs", confidence: 1 };
    await rewrite({
      slot: { ...manifest.slot, trigger: "on-demand" },
      stored: { ...stored, encryption: { ...stored.encryption, wrappings } },
      proof: { ...manifest.proof, members: [...manifest.proof.members, answer] },
    });
    const verified = await verifyDeep(vault, ref());
    expect(verified.opened).toEqual([known?.key]);
    expect(await lacks()).toEqual([]);
    expect((await showSnapshot(vault, ref())).manifest.slot.trigger).toBe("on-demand");
    expect((await verifyShallow(vault, ref())).lacks).toEqual([]);
    expect(await findings()).toEqual([]);
  });

  test("an answer that is not known agrees with nothing", async () => {
    const members = manifest.proof.members.map((vote) => ({ ...vote, answer: "concurs" }));
    await rewrite({ proof: { ...manifest.proof, members } });
    expect(await failureOf(verifyDeep(vault, ref()))).toMatchObject({
      code: "verify/content",
      message: saying("the votes in its manifest do not show that"),
    });
  });

  test("where every wrapping is of a later kind nothing opens it, and that is no damage", async () => {
    const stored = sealedObject(manifest.stored);
    const wrappings = [{ kind: "awskms2", key: "mrk:1", ciphertext: "AAAA" }];
    await rewrite({ stored: { ...stored, encryption: { ...stored.encryption, wrappings } } });
    expect(await failureOf(verifyDeep(vault, ref()))).toMatchObject({ code: "keys/no-match", message: saying("awskms2") });
    expect((await verifyShallow(vault, ref())).lacks).toMatchObject([{ code: "not-countersigned" }]);
  });
});

describe("what only a later version can judge", () => {
  const later: readonly (readonly [string, () => object, string])[] = [
    ["a way of storing", () => ({ stored: { kind: "chunks", bytes: 5, root: "x" } }), "it is stored as chunks"],
    ["a compression", () => ({ stored: { ...sealedObject(manifest.stored), compression: "zstd-2" } }), "it is compressed by zstd-2"],
    ["a proof", () => ({ proof: { ...manifest.proof, status: "attested" } }), "its proof is attested"],
    ["an agreement", () => ({ proof: { ...manifest.proof, agreement: "witness" } }), "its proof is by agreement witness"],
  ];

  test.each(later)("%s is shown, and is neither countersigned nor called damaged", async (_what, change, why) => {
    await rewrite(change());
    expect(await failureOf(verifyDeep(vault, ref()))).toMatchObject({
      code: "ref/later",
      message: saying(why),
      hint: saying("a newer one"),
    });
    expect(await Array.fromAsync(verifyMissing(vault, CLUSTER))).toEqual([]);
    expect(await lacks()).toContain("not-countersigned");
    expect((await showSnapshot(vault, ref())).manifest.id).toBe(manifest.id);
    expect(await findings()).toEqual([]);
    expect(custodyOf(vault).filter(({ event }) => event === "failed")).toEqual([]);
  });

  test.each(later.slice(2))("%s makes nothing good, whoever countersigned it", async (_what, change) => {
    await rewrite(change());
    const { digest } = await readManifest(vault, CLUSTER, manifest.id);
    const countersignature = await signDocument(vault.keys, "verification", {
      type: "verification",
      formatVersion: 1,
      cluster: CLUSTER,
      id: manifest.id,
      manifestDigest: digest,
      verifiedAt: vault.clock.now().toISOString(),
      level: "deep",
      snapshot: { bytes: manifest.snapshot.bytes, sha256: manifest.snapshot.sha256 },
      tool: manifest.tool,
    });
    plant(vault, verifiedKey(CLUSTER, manifest.id, "20261121T120000Z"), countersignature.bytes);
    expect(await lacks()).toEqual(["unproven"]);
  });

  test("its data is no orphan, and it is not copied without what belongs to it", async () => {
    await rewrite({ stored: { kind: "chunks", bytes: 5 } });
    vault.clock.advance(48 * 3_600_000);
    const { orphans, unclear } = await findOrphans(vault, { olderThanMs: 0 });
    expect(orphans).toEqual([]);
    expect(unclear).toMatchObject([{ key: sealedObject(manifest.stored).key, reason: saying("is of a later version") }]);
    const found = await readManifest(vault, CLUSTER, manifest.id);
    const blobs = new MemoryBlobStore(vault.clock);
    const copying = copySnapshot(vault, found, { name: "far", blobs }, { purpose: "audit" });
    expect(await failureOf(copying)).toMatchObject({ code: "ref/later", message: saying("stored as chunks") });
    expect([...blobs.objects.keys()]).toEqual([]);
    expect(await failureOf(verifyShallow(vault, ref()))).toMatchObject({ code: "ref/later" });
  });
});

test("a countersignature of a level that is not known speaks for nothing, and is no fault", async () => {
  const { digest } = await readManifest(vault, CLUSTER, manifest.id);
  await verifyDeep(vault, ref());
  const key = [...vault.blobs.objects.keys()].find((each) => each.includes("/verified/")) ?? "";
  const payload = JSON.parse(payloadOf(bytesAt(vault, key))) as object;
  plant(vault, key, await signedBy(vault.keys, "audit", { ...payload, level: "glance", manifestDigest: digest }, "verification"));
  const { badCountersignatures } = await listSnapshots(vault, CLUSTER);
  expect([await lacks(), badCountersignatures, await findings()]).toEqual([["not-countersigned"], [], []]);
});

test("a lineage that was opened for a reason that is not known is the next one, and waits for a person", async () => {
  const { lineage } = (await readLineages(vault, CLUSTER)).links[0] ?? {};
  if (lineage === undefined) throw new Error("no lineage");
  const next = { ...lineage, number: 2, reason: "members-replaced", previous: { number: 1, clusterId: lineage.clusterId } };
  plant(vault, lineageKey(CLUSTER, 2), await signedBy(vault.keys, "snapshot", next, "lineage"));
  const { links, faults } = await readLineages(vault, CLUSTER);
  expect([links.map((each) => [each.lineage.number, each.acceptance]), faults]).toEqual([
    [
      [1, undefined],
      [2, undefined],
    ],
    [],
  ]);
});

describe("documents for a purpose that is not known", () => {
  const signer = { purpose: "keeper" };

  test.each(["pin", "forecast"])("of kind %s are passed over beside the known ones, whoever signed them", async (kind) => {
    for (const [ring, number] of [
      [vault.keys, 1],
      [strangers.ring, 2],
    ] as const) {
      const pin = { type: kind, formatVersion: 1, cluster: CLUSTER, id: manifest.id, number, pinned: true };
      plant(vault, pinKey(CLUSTER, manifest.id, number), await signedBy(ring, "audit", pin, kind, { signer }));
    }
    expect(await findings()).toEqual([]);
  });

  test("settle nothing: what was announced in their place stays missed", async () => {
    const key = verifiedKey(CLUSTER, manifest.id, "20261121T120000Z");
    const custody = await appendRecord(vault, CLUSTER, "audit", { event: "verified", subjects: [{ key }] });
    const stub = { type: "verification", formatVersion: 1, cluster: CLUSTER, id: manifest.id, custody };
    plant(vault, key, await signedBy(strangers.ring, "audit", stub, "verification", { signer }));
    expect(await findings()).toEqual([["custody/announced-absence", key]]);
  });

  test("are no manifests", async () => {
    plant(vault, manifestKey(CLUSTER, manifest.id), await signedBy(vault.keys, "snapshot", manifest, "snapshot", { signer }));
    expect(await failureOf(readManifest(vault, CLUSTER, manifest.id))).toMatchObject({
      code: "verify/untrusted",
      message: saying("for the purpose keeper, which this version of lifeboat does not know"),
    });
  });

  const record = (ring: TestKeys["ring"]): Promise<Uint8Array> => {
    const [last] = custodyOf(vault).toReversed();
    if (last === undefined) throw new Error("no record");
    const previous = digestOf(bytesAt(vault, custodyKey(CLUSTER, last.sequence)));
    const next = {
      ...last,
      sequence: last.sequence + 1,
      previous,
      event: "removed",
      subjects: [{ key: manifestKey(CLUSTER, manifest.id) }],
    };
    return signedBy(ring, "audit", next, "custody", { signer });
  };
  const next = (): string => custodyKey(CLUSTER, custodyOf(vault).length + 1);

  test("a record by a key of ours is passed over: it excuses nothing, and the next one has to follow it", async () => {
    const [key, bytes] = [next(), await record(keys.ring)];
    plant(vault, key, bytes);
    vault.clock.advance(3_600_000);
    expect(await findings()).toEqual([]);
    const following = await appendRecord(vault, CLUSTER, "audit", { event: "failed", subjects: [] });
    expect(await findings()).toEqual([]);
    vault.blobs.objects.delete(manifestKey(CLUSTER, manifest.id));
    expect(await findings()).toEqual([["custody/announced-absence", manifestKey(CLUSTER, manifest.id)]]);
    plant(vault, key, await signedBy(keys.ring, "audit", { type: "custody", formatVersion: 1, cluster: CLUSTER }, "custody", { signer }));
    expect(await findings()).toContainEqual(["custody/broken-chain", saying(String(following.sequence))]);
  });

  test("a record by any other key is a forged one", async () => {
    const key = next();
    plant(vault, key, await record(strangers.ring));
    expect(await findings()).toEqual([["custody/forged", key]]);
  });
});

test("pins and drills are documents of the log: announced, found in their places, and missed", async () => {
  const { digest } = await readManifest(vault, CLUSTER, manifest.id);
  const about = { formatVersion: 1 as const, cluster: CLUSTER, id: manifest.id, manifestDigest: digest, tool: manifest.tool };
  const [pin, drill] = [pinKey(CLUSTER, manifest.id, 1), drillKey(CLUSTER, manifest.id, "20261121T120000Z")];
  const at = vault.clock.now().toISOString();
  const pinned = await appendRecord(vault, CLUSTER, "audit", { event: "pinned", subjects: [{ key: pin }] });
  const drilled = await appendRecord(vault, CLUSTER, "audit", { event: "drill", subjects: [{ key: drill }] });
  expect(await findings()).toEqual([
    ["custody/announced-absence", pin],
    ["custody/announced-absence", drill],
  ]);
  const signedPin = await signDocument(vault.keys, "pin", {
    type: "pin",
    ...about,
    number: 1,
    pinned: true,
    by: "ann@backups",
    at,
    reason: "before the upgrade",
    custody: pinned,
  });
  const signedDrill = await signDocument(vault.keys, "drill", {
    type: "drill",
    ...about,
    drilledAt: at,
    outcome: "passed",
    etcdVersion: "3.6.16",
    steps: [{ name: "restore", ms: 3600.5 }],
    hashKv: { revision: 50, compactRevision: -1, hash: 7 },
    keys: 12,
    custody: drilled,
  });
  plant(vault, pin, signedPin.bytes);
  plant(vault, drill, signedDrill.bytes);
  expect(await findings()).toEqual([]);
  vault.blobs.objects.delete(pin);
  expect(await findings()).toEqual([["custody/announced-absence", pin]]);
});
