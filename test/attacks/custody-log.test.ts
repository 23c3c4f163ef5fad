import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { policyDigests } from "../../shared/config/policy-digests.ts";
import { appendRecord } from "../../shared/vault/custody/append.ts";
import { readManifest } from "../../shared/vault/catalog.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import type { Copied } from "../../shared/jobs/copy/snapshot.ts";
import { verifyCustody } from "../../shared/jobs/audit/custody.ts";
import { listSnapshots } from "../../shared/jobs/list.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { custodyKey, manifestKey, rewrapKey } from "../../shared/documents/layout.ts";
import { readRewraps } from "../../shared/vault/rewraps.ts";
import { MAX_DOCUMENT_BYTES } from "../../shared/documents/signed-document.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { failureOf } from "../support/blobs.ts";
import { signedBy } from "../support/envelopes.ts";
import { saying } from "../support/matchers.ts";
import { useBuiltVault } from "../support/use-vault.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, makeTestKeys, plant, sealedObject } from "../support/vaults.ts";
import type { TestKeys } from "../support/vaults.ts";

/** Objects that somebody without a key (or with a stolen one) puts into the store, so that the custody log tells less than it knows. */

const { keys, vault, built } = useBuiltVault(async (first) => {
  const { id: taken } = (await backUp(first)).manifest;
  first.clock.advance(60_000);
  return { id: taken, countersignature: (await verifyDeep(first, `${CLUSTER}/${taken}`)).countersignature };
});
let strangers: TestKeys;
let id: string;
let countersignature: string;
beforeAll(async () => {
  strangers = await makeTestKeys();
});
afterAll(() => strangers.remove());
beforeEach(() => {
  ({ id, countersignature } = built);
});

async function findings(isReplica = false): Promise<readonly (readonly [string, string])[]> {
  const report = await verifyCustody(vault, CLUSTER, { isReplica, onRecord: () => undefined });
  return report.findings.map(({ code, subject }) => [code, subject]);
}

const STUB = JSON.stringify({
  payloadType: "application/vnd.etcd-lifeboat.later.v1+json",
  payload: Buffer.from("{}").toString("base64"),
  signatures: [{ keyid: "x", sig: "eA==" }],
});

describe("a stub of a kind that nobody knows, in the place of what was removed", () => {
  test("of a manifest, does not hide the removal", async () => {
    plant(vault, manifestKey(CLUSTER, id), STUB);
    expect(await findings()).toEqual(
      expect.arrayContaining([
        ["custody/unbelieved", manifestKey(CLUSTER, id)],
        ["custody/gone", manifestKey(CLUSTER, id)],
      ]),
    );
  });

  test("of a countersignature, does not hide the removal", async () => {
    plant(vault, countersignature, STUB);
    expect(await findings()).toEqual([
      ["custody/unbelieved", countersignature],
      ["custody/announced-absence", countersignature],
    ]);
    expect((await listSnapshots(vault, CLUSTER)).badCountersignatures.map(({ key }) => key)).toEqual([countersignature]);
  });

  test("is told among rewraps", async () => {
    plant(vault, rewrapKey(CLUSTER, id, 1), STUB);
    expect((await readRewraps(vault, CLUSTER, id)).bad.map(({ key }) => key)).toEqual([rewrapKey(CLUSTER, id, 1)]);
  });

  test.each<[string, () => Promise<Uint8Array>]>([
    ["a stranger's key", () => signedBy(strangers.ring, "audit", { type: "later", formatVersion: 1, cluster: CLUSTER, id }, "later")],
    ["another cluster's", () => signedBy(keys.ring, "audit", { type: "later", formatVersion: 1, cluster: "staging", id }, "later")],
    [
      "another snapshot's",
      () => signedBy(keys.ring, "audit", { type: "later", formatVersion: 1, cluster: CLUSTER, id: "20261121T090000Z" }, "later"),
    ],
    ["another kind's payload", () => signedBy(keys.ring, "audit", { type: "rehearsal", formatVersion: 1, cluster: CLUSTER, id }, "later")],
    ["no place of its own", () => signedBy(keys.ring, "audit", { type: "later", formatVersion: 1, cluster: CLUSTER }, "later")],
  ])("is not taken with a signature that is %s", async (_what, sign) => {
    const key = countersignature.replace(/\w+Z\.json$/, "20261121T235959Z.json");
    plant(vault, key, await sign());
    expect(await findings()).toEqual([["custody/unbelieved", key]]);
  });

  test("a later kind that a trusted key signed for its own place is passed over, and explains no absence that it does not name", async () => {
    const document = await signedBy(keys.ring, "audit", { type: "later", formatVersion: 1, cluster: CLUSTER, id }, "later");
    const beside = countersignature.replace(/\w+Z\.json$/, "20261121T235959Z.json");
    plant(vault, beside, document);
    expect(await findings()).toEqual([]);
    expect((await listSnapshots(vault, CLUSTER)).badCountersignatures).toEqual([]);
    plant(vault, countersignature, document);
    expect(await findings()).toEqual([["custody/announced-absence", countersignature]]);
  });

  test("a later kind that names the record which announced it is what was announced", async () => {
    const key = countersignature.replace(/\w+Z\.json$/, "20261121T235959Z.json");
    const custody = await appendRecord(vault, CLUSTER, "audit", { event: "drill", subjects: [{ key }] });
    expect(await findings()).toEqual([["custody/announced-absence", key]]);
    plant(
      vault,
      key,
      await signedBy(keys.ring, "audit", { type: "rehearsal", formatVersion: 1, cluster: CLUSTER, id, custody }, "rehearsal"),
    );
    expect(await findings()).toEqual([]);
  });
});

describe("an object larger than any record, in the place of the next one", () => {
  const BYTES = 2 * MAX_DOCUMENT_BYTES;

  function plantHuge(target: MemoryBlobStore, key: string, fill = 1): void {
    target.objects.set(key, { bytes: Buffer.alloc(BYTES, fill), modified: vault.clock.now() });
  }

  test("is not read whole by the one who appends behind it, and is bound by its size and its beginning", async () => {
    plantHuge(vault.blobs, custodyKey(CLUSTER, 4));
    vault.blobs.calls.get = 0;
    const read = vault.blobs.bytesRead;
    await appendRecord(vault, CLUSTER, "bundle", { event: "bundle", subjects: [] });
    expect(vault.blobs.bytesRead - read).toBeLessThan(MAX_DOCUMENT_BYTES + 300_000);
    expect(await findings()).toEqual([["custody/altered", custodyKey(CLUSTER, 4)]]);
    // Another one in its place is noticed, by its beginning or by its size.
    plantHuge(vault.blobs, custodyKey(CLUSTER, 4), 2);
    expect(await findings()).toEqual(expect.arrayContaining([["custody/broken-chain", custodyKey(CLUSTER, 5)]]));
    vault.blobs.objects.set(custodyKey(CLUSTER, 4), { bytes: Buffer.alloc(BYTES + 1, 1), modified: vault.clock.now() });
    expect(await findings()).toEqual(expect.arrayContaining([["custody/broken-chain", custodyKey(CLUSTER, 5)]]));
  });

  async function copyTo(blobs: MemoryBlobStore): Promise<Copied> {
    const found = await readManifest(vault, CLUSTER, id);
    return copySnapshot(vault, found, { name: "far", blobs }, { purpose: "audit" });
  }

  test("does not stop the log's copy: a signed placeholder stands for it, and the chain goes through", async () => {
    const blobs = new MemoryBlobStore(vault.clock);
    plantHuge(vault.blobs, custodyKey(CLUSTER, 4));
    await appendRecord(vault, CLUSTER, "bundle", { event: "bundle", subjects: [] });
    expect(await copyTo(blobs)).toMatchObject({ outcome: "copied", conflicts: [saying("larger than any document")] });
    const placeholder = custodyKey(CLUSTER, 4, "primary-custody");
    expect(blobs.objects.get(placeholder)?.bytes.length).toBeLessThan(4000);
    expect(blobs.objects.has(custodyKey(CLUSTER, 5, "primary-custody"))).toBe(true);
    // A second copy says nothing new, and goes on.
    await appendRecord(vault, CLUSTER, "bundle", { event: "bundle", subjects: [] });
    expect(await copyTo(blobs)).toMatchObject({ outcome: "existing", conflicts: [] });
    Object.assign(vault, { blobs });
    expect(await findings(true)).toEqual([["custody/altered", placeholder]]);
  });

  test("in the replica, does not stop the log's copy behind it", async () => {
    const blobs = new MemoryBlobStore(vault.clock);
    plantHuge(blobs, custodyKey(CLUSTER, 2, "primary-custody"));
    const { conflicts } = await copyTo(blobs);
    expect(conflicts).toEqual([saying(custodyKey(CLUSTER, 2, "primary-custody"))]);
    expect(blobs.objects.has(custodyKey(CLUSTER, 3, "primary-custody"))).toBe(true);
  });
});

describe("data that stood in the replica already", () => {
  test("is not said to have the digest of the manifest: nobody read it", async () => {
    const blobs = new MemoryBlobStore(vault.clock);
    const found = await readManifest(vault, CLUSTER, id);
    const { key, sha256 } = sealedObject(found.manifest.stored);
    blobs.objects.set(key, { bytes: bytesAt(vault, key), modified: vault.clock.now() });
    await copySnapshot(vault, found, { name: "far", blobs }, { purpose: "audit" });
    const told = custodyOf(vault).at(-1);
    expect(told).toMatchObject({ event: "copied", subjects: [{ key: manifestKey(CLUSTER, id), digest: found.digest }, { key }] });
    expect(told?.subjects[1]?.digest).toBeUndefined();
    expect(told?.details.reason).toBe("crc only: the data stood there already, with the size and CRC-32 of the manifest, and was not read");

    const other = new MemoryBlobStore(vault.clock);
    await copySnapshot(vault, found, { name: "other", blobs: other }, { purpose: "audit" });
    expect(custodyOf(vault).at(-1)).toMatchObject({ event: "copied", subjects: [{}, { key, digest: sha256 }] });
  });
});

describe("trust", () => {
  test("a failure by another role does not explain why what the audit key announced is not there", async () => {
    vault.blobs.objects.delete(countersignature);
    for (const purpose of ["snapshot", "bundle"] as const)
      await appendRecord(vault, CLUSTER, purpose, { event: "failed", subjects: [], details: { of: 3, code: "interrupted" } });
    expect(await findings()).toEqual([["custody/announced-absence", countersignature]]);
    await appendRecord(vault, CLUSTER, "audit", { event: "failed", subjects: [], details: { of: 3, code: "interrupted" } });
    expect(await findings()).toEqual([]);
  });

  const DIRECTORY = "{ kind: directory, path: ./vault }";
  const config = (trusted: string, store = DIRECTORY): string =>
    `version: 1\nstore: ${store}\nkeys: { kind: local, path: ./keys }\ntrustedKeys: ${trusted}\nclusters: {}\n`;
  const one = `sha256:${"1".repeat(64)}`;

  test("one fingerprint under two purposes is refused", async () => {
    const failure = await failureOf((async () => parseConfig(config(`{ snapshot: ["${one}"], audit: ["${one}"] }`), "lifeboat.yaml"))());
    expect(failure).toMatchObject({ code: "config/invalid", message: saying("is trusted for snapshot and for audit") });
  });

  test("another store or other keys are a change of the configuration that the log tells", () => {
    const before = policyDigests(parseConfig(config("{}"), "lifeboat.yaml"), "prod");
    const moved = policyDigests(parseConfig(config("{}", "{ kind: s3, bucket: another, region: eu-central-1 }"), "lifeboat.yaml"), "prod");
    expect(before).toMatchObject({ store: saying("sha256:"), keys: saying("sha256:") });
    expect(moved.store).not.toBe(before.store);
    expect(moved).toMatchObject({ keys: before.keys, trustedKeys: before.trustedKeys });
  });
});
