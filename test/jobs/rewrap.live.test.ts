import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readManifest } from "../../shared/vault/catalog.ts";
import { copySnapshot } from "../../shared/jobs/copy/snapshot.ts";
import { rewrap } from "../../shared/jobs/rewrap.ts";
import type { RewrapRequest, RewrapResult } from "../../shared/jobs/rewrap.ts";
import type { WrappingKey } from "../../shared/keys/key-ring.ts";
import { LocalKeyRing } from "../../shared/keys/local/local-key-ring.ts";
import { LocalWrappingKey } from "../../shared/keys/local/local-wrapping-key.ts";
import { manifestKey, partsOfRewrapKey, rewrapKey } from "../../shared/documents/layout.ts";
import { addedKeys } from "../../shared/vault/added-keys.ts";
import { openDocument, signDocument } from "../../shared/documents/signed-document.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { SealedStore } from "../../shared/store/sealed/sealed-store.ts";
import { MemoryBlobStore } from "../doubles/memory-blob-store.ts";
import { failureOf, keys as keysIn } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { backUp, bothPorts, bytesAt, CLUSTER, contentOf, custodyOf, makeTestKeys, newVault, plant } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

const [FIRST, SECOND] = ["20261121T080000Z", "20261121T090000Z"];

let keys: TestKeys;
/** With the keys that the snapshots were made with. */
let vault: TestVault;
let oldKey: string;
let oldIdentity: string;
beforeEach(async () => {
  keys = await makeTestKeys();
  vault = newVault(keys);
  oldKey = await keys.ring.wrappingKey();
  oldIdentity = await readFile(join(keys.folder, "keys/wrapping.key"), "utf8");
  await backUp(vault, { slot: "2026-11-21T08:00:00Z" });
  await backUp(vault, { slot: "2026-11-21T09:00:00Z" });
});
afterEach(() => keys.remove());

/** The vault as a process finds it that starts now. */
function reopened(replicaKeys: readonly WrappingKey[] = []): TestVault {
  const ring = new LocalKeyRing(join(keys.folder, "keys"));
  const snapshots = new SealedStore({
    blobs: vault.blobs,
    keys: ring,
    replicaKeys,
    breakGlass: [],
    randomBytes,
    addedKeys: addedKeys(vault),
  });
  return { ...vault, keys: ring, ...bothPorts(snapshots) };
}

/** A new wrapping key, with the older ones kept beside it or not. */
async function rotate({ keepOld }: { readonly keepOld: boolean }): Promise<string> {
  const { identity, recipient } = await newIdentity();
  await writeFile(join(keys.folder, "keys/wrapping.key"), keepOld ? `${identity}\n${oldIdentity}` : `${identity}\n`);
  await writeFile(join(keys.folder, "keys/wrapping.pub"), `${recipient}\n`);
  return recipient;
}

async function forgetOld(): Promise<void> {
  const path = join(keys.folder, "keys/wrapping.key");
  const [first] = (await readFile(path, "utf8")).split("\n");
  await writeFile(path, `${first}\n`);
}

const run = (at: TestVault, request: Partial<RewrapRequest> = {}): Promise<RewrapResult> => rewrap(at, { dryRun: false, ...request });
const outcomes = ({ snapshots }: RewrapResult): readonly string[] =>
  snapshots.map(({ cluster, id, outcome }) => `${cluster}/${id} ${outcome}`);
const rewraps = (): Promise<readonly string[]> => keysIn(vault.blobs, "clusters/prod/rewraps/");

describe("after the wrapping key was replaced", () => {
  test("snapshots open by the new key alone, once they are rewrapped and not before; data and manifests stay", async () => {
    const content = await contentOf(vault, FIRST);
    const before = new Map(
      [...vault.blobs.objects].filter(([key]) => /\/(data|snapshots)\//.test(key)).map(([key, { bytes }]) => [key, bytes]),
    );
    const newKey = await rotate({ keepOld: true });
    const result = await run(reopened());
    expect(result).toEqual({
      wrappingKey: newKey,
      replicaKeys: [],
      snapshots: [FIRST, SECOND].map((id) => ({
        cluster: CLUSTER,
        id,
        under: [oldKey],
        outcome: "rewrapped",
        key: rewrapKey(CLUSTER, id, 1),
      })),
      bad: [],
    });
    expect(await rewraps()).toEqual([FIRST, SECOND].map((id) => rewrapKey(CLUSTER, id, 1)));
    await forgetOld();
    expect((await contentOf(reopened(), FIRST)).equals(content)).toBe(true);
    for (const [key, bytes] of before) expect(bytesAt(vault, key).equals(bytes), key).toBe(true);
    for (const key of await rewraps()) vault.blobs.objects.delete(key);
    expect(await failureOf(contentOf(reopened(), FIRST))).toMatchObject({ code: "keys/no-match", message: saying(oldKey) });
  });

  test("a dry run tells the same, opens nothing and writes nothing", async () => {
    // Without the old key nothing could be opened.
    const newKey = await rotate({ keepOld: false });
    const puts = vault.blobs.calls.put;
    expect(await run(reopened(), { dryRun: true })).toEqual({
      wrappingKey: newKey,
      replicaKeys: [],
      snapshots: [FIRST, SECOND].map((id) => ({
        cluster: CLUSTER,
        id,
        under: [oldKey],
        outcome: "would-rewrap",
        key: rewrapKey(CLUSTER, id, 1),
      })),
      bad: [],
    });
    expect(vault.blobs.calls.put).toBe(puts);
  });

  test("each is told in the custody log before it is written, and names its record and its manifest", async () => {
    await rotate({ keepOld: true });
    await run(reopened());
    const records = custodyOf(vault).filter(({ event }) => event === "rewrapped");
    expect(records).toHaveLength(2);
    for (const [index, id] of [FIRST, SECOND].entries()) {
      const key = rewrapKey(CLUSTER, id, 1);
      const document = openDocument("rewrap", bytesAt(vault, key), vault.trusted, key);
      expect(document).toMatchObject({
        type: "rewrap",
        cluster: CLUSTER,
        id,
        rewrappedAt: vault.clock.now().toISOString(),
        signer: { purpose: "audit" },
      });
      expect(records[index]?.subjects).toEqual([{ key }, { key: manifestKey(CLUSTER, id), digest: document.manifestDigest }]);
      expect(document.custody?.sequence).toBe(records[index]?.sequence);
    }
  });

  test("a run that was stopped is taken up where it stood", async () => {
    const newKey = await rotate({ keepOld: true });
    vault.blobs.inject({ call: "put", key: new RegExp(`rewraps/${SECOND}`), fault: { kind: "error" } });
    expect(await failureOf(run(reopened()))).toMatchObject({ code: "store/failed" });
    expect(await rewraps()).toEqual([rewrapKey(CLUSTER, FIRST, 1)]);
    const first = bytesAt(vault, rewrapKey(CLUSTER, FIRST, 1));
    const again = await run(reopened());
    expect(outcomes(again)).toEqual([`prod/${FIRST} already`, `prod/${SECOND} rewrapped`]);
    expect(again.snapshots[0]?.under).toEqual([oldKey, newKey]);
    expect(outcomes(await run(reopened()))).toEqual([`prod/${FIRST} already`, `prod/${SECOND} already`]);
    expect(bytesAt(vault, rewrapKey(CLUSTER, FIRST, 1)).equals(first)).toBe(true);
    expect(await rewraps()).toHaveLength(2);
    // The first run's second announcement is explained.
    expect(
      custodyOf(vault)
        .map(({ event }) => event)
        .slice(-3),
    ).toEqual(["rewrapped", "failed", "rewrapped"]);
  });

  test("a second rotation adds a second one, and opens from the first", async () => {
    await rotate({ keepOld: true });
    await run(reopened());
    await forgetOld();
    oldIdentity = await readFile(join(keys.folder, "keys/wrapping.key"), "utf8");
    await rotate({ keepOld: true });
    expect(outcomes(await run(reopened()))).toEqual([`prod/${FIRST} rewrapped`, `prod/${SECOND} rewrapped`]);
    expect(await rewraps()).toEqual([FIRST, SECOND].flatMap((id) => [rewrapKey(CLUSTER, id, 1), rewrapKey(CLUSTER, id, 2)]));
    await forgetOld();
    await contentOf(reopened(), SECOND);
  });

  test("only the named cluster's are rewrapped, and a signal ends it", async () => {
    await rotate({ keepOld: true });
    await backUp(vault, { cluster: "staging", slot: "2026-11-21T08:00:00Z" });
    expect(outcomes(await run(reopened(), { cluster: "staging" }))).toEqual([`staging/${FIRST} rewrapped`]);
    expect(await rewraps()).toEqual([]);
    expect(await failureOf(run(reopened(), { signal: AbortSignal.abort() }))).toMatchObject({ code: "interrupted" });
    expect(await rewraps()).toEqual([]);
  });
});

describe("after a replica with a key of its own was added", () => {
  test("older snapshots are wrapped under that too, and a copy brings the wrapping to where it is needed", async () => {
    const theirs = await makeTestKeys();
    const content = await contentOf(vault, FIRST);
    const theirKey = await theirs.ring.wrappingKey();
    const at = reopened([new LocalWrappingKey(theirKey)]);
    const result = await run(at);
    expect(result).toMatchObject({ wrappingKey: oldKey, replicaKeys: [theirKey], bad: [] });
    expect(result.snapshots).toMatchObject(
      [FIRST, SECOND].map((id) => ({ id, under: [oldKey], outcome: "rewrapped", key: rewrapKey(CLUSTER, id, 1) })),
    );
    const document = openDocument("rewrap", bytesAt(vault, rewrapKey(CLUSTER, FIRST, 1)), vault.trusted, "it");
    expect(document.wrappings.map(({ key }) => key)).toEqual([theirKey]);
    expect(outcomes(await run(at))).toEqual([`prod/${FIRST} already`, `prod/${SECOND} already`]);

    const blobs = new MemoryBlobStore(vault.clock);
    await copySnapshot(vault, await readManifest(vault, CLUSTER, FIRST), { name: "offsite", blobs }, { purpose: "audit" });
    const there = { blobs, trusted: vault.trusted };
    const snapshots = new SealedStore({ blobs, keys: theirs.ring, breakGlass: [], randomBytes, addedKeys: addedKeys(there) });
    expect((await contentOf({ ...vault, blobs, snapshots }, FIRST)).equals(content)).toBe(true);
    await theirs.remove();
  });

  test("together with a new key of the store's own, both are in one document", async () => {
    const theirs = await makeTestKeys();
    const newKey = await rotate({ keepOld: true });
    const theirKey = await theirs.ring.wrappingKey();
    await run(reopened([new LocalWrappingKey(theirKey)]));
    const document = openDocument("rewrap", bytesAt(vault, rewrapKey(CLUSTER, FIRST, 1)), vault.trusted, "it");
    expect(document.wrappings.map(({ key }) => key)).toEqual([newKey, theirKey]);
    expect(await rewraps()).toHaveLength(2);
    await theirs.remove();
  });
});

describe("what is not as it should be", () => {
  test("a snapshot that does not open is passed over and told, and the others are done", async () => {
    await rotate({ keepOld: false });
    await backUp(reopened(), { slot: "2026-11-21T10:00:00Z" });
    const { snapshots } = await run(reopened());
    expect(snapshots.map(({ outcome, error }) => [outcome, error?.code])).toEqual([
      ["failed", "keys/no-match"],
      ["failed", "keys/no-match"],
      ["already", undefined],
    ]);
    expect(await rewraps()).toEqual([]);
  });

  test("a rewrap that no audit key signed is not believed, and its number is not taken again", async () => {
    await rotate({ keepOld: true });
    await run(reopened());
    const key = rewrapKey(CLUSTER, FIRST, 1);
    const forger = await makeTestKeys();
    const { signer: _, ...document } = openDocument("rewrap", bytesAt(vault, key), vault.trusted, key);
    plant(vault, key, (await signDocument(forger.ring, "rewrap", document)).bytes);
    await forger.remove();
    const { snapshots, bad } = await run(reopened());
    expect(bad).toEqual([{ key, error: expect.objectContaining({ code: "verify/untrusted" }) as unknown }]);
    expect(snapshots[0]).toMatchObject({ id: FIRST, under: [oldKey], outcome: "rewrapped", key: rewrapKey(CLUSTER, FIRST, 2) });
    await forgetOld();
    await contentOf(reopened(), FIRST);
  });

  test("another snapshot's wrapping in a rewrap is noticed", async () => {
    await rotate({ keepOld: true });
    await run(reopened());
    const key = rewrapKey(CLUSTER, FIRST, 1);
    const { wrappings } = openDocument("rewrap", bytesAt(vault, rewrapKey(CLUSTER, SECOND, 1)), vault.trusted, key);
    const { signer: _, ...document } = openDocument("rewrap", bytesAt(vault, key), vault.trusted, key);
    plant(vault, key, (await signDocument(vault.keys, "rewrap", { ...document, wrappings })).bytes);
    await forgetOld();
    expect(await failureOf(contentOf(reopened(), FIRST))).toMatchObject({ code: "verify/sealed" });
  });

  test("without a trusted audit key nothing is begun, and a dry run needs none", async () => {
    await rotate({ keepOld: true });
    const at = { ...reopened(), trusted: { ...vault.trusted, audit: [] } };
    expect(await failureOf(run(at))).toMatchObject({ code: "config/invalid", message: saying("trustedKeys.audit") });
    expect(await rewraps()).toEqual([]);
    expect(outcomes(await run(at, { dryRun: true }))).toHaveLength(2);
  });
});

test("ids that end in an ordinal and numbers are kept apart", () => {
  expect(partsOfRewrapKey(CLUSTER, rewrapKey(CLUSTER, FIRST, 2))).toEqual({ id: FIRST, number: 2 });
  expect(partsOfRewrapKey(CLUSTER, rewrapKey(CLUSTER, `${FIRST}-2`, 1))).toEqual({ id: `${FIRST}-2`, number: 1 });
  for (const key of ["clusters/prod/rewraps/x-1.json", `clusters/prod/rewraps/${FIRST}.json`, `clusters/other/rewraps/${FIRST}-1.json`])
    expect(partsOfRewrapKey(CLUSTER, key)).toBeUndefined();
});
