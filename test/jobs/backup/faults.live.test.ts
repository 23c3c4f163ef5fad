import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import { openDocument } from "../../../shared/documents/signed-document.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { Injected } from "../../doubles/memory-blob-store.ts";
import { whole } from "../../seal/streams.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { randomSnapshot } from "../../support/snapshots.ts";
import { apartFromCustody, backUp, bytesAt, CLUSTER, makeTestKeys, newVault, oneMember, plant, visible } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";

/** A store that fails during a backup: at any byte of any object, before and after it took effect. */

const SLOT = "2026-11-21T10:00:00Z";
const MANIFEST = manifestKey(CLUSTER, "20261121T100000Z");
/** Random bytes do not compress: more than the 1 MiB of a piece, so that the store fails between pieces as well. */
const DATABASE = 1_500_000;

let keys: TestKeys;
let vault: TestVault;
let snapshot: Buffer;
beforeAll(async () => {
  keys = await makeTestKeys();
  snapshot = randomSnapshot(DATABASE);
});
afterAll(() => keys.remove());
beforeEach(() => {
  vault = newVault(keys);
});

const etcd = (): ScriptedEtcd => new ScriptedEtcd([{ number: 1 }, { number: 2, snapshots: [[{ send: snapshot }]] }]);

async function expectTheNextOneWorks(): Promise<void> {
  expect(vault.blobs.pendingFaults).toEqual([]);
  const { existing, manifest } = await backUp(vault, { slot: SLOT, etcd: etcd() });
  expect(existing).toBe(false);
  const content = await whole(vault.snapshots.open(manifest, manifest.stored, manifest.snapshot));
  expect(content.equals(snapshot)).toBe(true);
}

describe("nothing is visible, the error is the store's, and the next backup works", () => {
  const full = new LifeboatError("store/full", "no space left on the disk");
  const puts = [
    ...[0, 1, 1_000, 1_048_576, 1_200_000, DATABASE, DATABASE + 2_000, 1e12].map((atByte) => ({ object: "data", atByte })),
    ...[0, 500, 1e12].flatMap((atByte) => ["lineage", "custody", "snapshots"].map((object) => ({ object, atByte }))),
  ];
  test.each(puts)("where the put of $object fails at byte $atByte", async ({ object, atByte }) => {
    vault.blobs.inject({ call: "put", key: new RegExp(`^clusters/prod/${object}/`), fault: { kind: "error", atByte, error: full } });
    const once = etcd();
    await expect(backUp(vault, { slot: SLOT, etcd: once })).rejects.toBe(full);
    expect(await visible(vault)).toEqual([]);
    // The store's failures are not the member's: no other one is bothered.
    expect(once.streamed).toHaveLength(1);
    if (object === "data") expect(apartFromCustody(vault)).toEqual([]);
    await expectTheNextOneWorks();
  });

  test.each<[string, Injected]>([
    ["looking for the slot", { call: "head", key: /snapshots/, fault: { kind: "error" } }],
    ["listing the lineages", { call: "list", key: /lineage/, fault: { kind: "error" } }],
    ["looking for the end of the custody log", { call: "listFolders", key: /custody/, fault: { kind: "error" } }],
    ["listing the end of the custody log", { call: "list", key: /custody/, fault: { kind: "error" } }],
    ["telling of the data", { call: "put", key: /data/, fault: { kind: "lost-acknowledgement" } }],
  ])("where %s fails", async (_what, fault) => {
    vault.blobs.inject(fault);
    expect(await failureOf(backUp(vault, { slot: SLOT, etcd: etcd() }))).toMatchObject({ code: "store/failed", retryable: true });
    expect(await visible(vault)).toEqual([]);
    await expectTheNextOneWorks();
  });

  test.each<[string, Injected]>([
    ["reading the lineage", { call: "get", key: /lineage/, fault: { kind: "error" } }],
    ["listing the snapshots of the lineage", { call: "list", key: /snapshots/, fault: { kind: "error" } }],
    ["reading the lineage's last manifest", { call: "get", key: /snapshots/, fault: { kind: "error", atByte: 100 } }],
  ])("where %s fails", async (_what, fault) => {
    await backUp(vault, { slot: "2026-11-21T09:00:00Z" });
    vault.blobs.inject(fault);
    const once = etcd();
    expect(await failureOf(backUp(vault, { slot: SLOT, etcd: once }))).toMatchObject({ code: "store/failed" });
    expect(once.streamed).toEqual([]);
    expect(await visible(vault)).toEqual([manifestKey(CLUSTER, "20261121T090000Z")]);
    await expectTheNextOneWorks();
  });
});

describe("a lost acknowledgement", () => {
  test.each(["snapshots", "lineage", "custody"])("of an object in %s is made good by looking: the backup succeeds", async (object) => {
    vault.blobs.inject({ call: "put", key: new RegExp(object), fault: { kind: "lost-acknowledgement" } });
    const { existing, manifestDigest } = await backUp(vault, { slot: SLOT });
    expect(existing).toBe(false);
    expect(vault.blobs.pendingFaults).toEqual([]);
    expect(await visible(vault)).toEqual([MANIFEST]);
    expect((await backUp(vault, { slot: SLOT })).manifestDigest).toBe(manifestDigest);
  });

  test("of the manifest, where looking fails too, is a failure that a second run of the slot mends", async () => {
    vault.blobs.inject({ call: "put", key: /snapshots/, fault: { kind: "lost-acknowledgement" } });
    vault.blobs.inject({ call: "get", key: /snapshots/, fault: { kind: "error" } });
    expect(await failureOf(backUp(vault, { slot: SLOT }))).toMatchObject({ code: "store/failed", message: saying("connection was lost") });
    expect(await backUp(vault, { slot: SLOT })).toMatchObject({ existing: true });
    expect(await keysIn(vault.blobs, "clusters/prod/data/")).toHaveLength(1);
  });
});

describe("the manifest is read back", () => {
  test.each([0, 1, 1000])("so that a store that kept %i bytes of it does not pass for well", async (bytes) => {
    vault.blobs.inject({ call: "put", key: /snapshots/, fault: { kind: "short-write", bytes } });
    expect(await failureOf(backUp(vault, { slot: SLOT }))).toMatchObject({ code: "verify/format", message: saying(MANIFEST) });
  });

  test("and where that fails, the backup is still committed", async () => {
    vault.blobs.inject({ call: "get", key: /snapshots/, fault: { kind: "error" } });
    const { manifest, existing } = await backUp(vault, { slot: SLOT });
    expect(existing).toBe(false);
    expect(openDocument("snapshot", bytesAt(vault, MANIFEST), vault.trusted, "it")).toEqual(manifest);
  });
});

test("a manifest that appears meanwhile in the slot wins, and is returned only if it holds", async () => {
  const winner = newVault(keys);
  await backUp(winner, { slot: SLOT });
  const race = async (bytes: Uint8Array): ReturnType<typeof backUp> => {
    vault = newVault(keys);
    const member = oneMember();
    const snapshotOf = member.snapshot.bind(member);
    member.snapshot = async function* (...args) {
      yield* snapshotOf(...args);
      plant(vault, MANIFEST, bytes);
    };
    return backUp(vault, { slot: SLOT, etcd: member });
  };
  const theirs = bytesAt(winner, MANIFEST);
  expect(await race(theirs)).toMatchObject({ existing: true, manifest: { id: "20261121T100000Z" } });
  expect(bytesAt(vault, MANIFEST)).toEqual(theirs);
  expect(await failureOf(race(Buffer.from("{}")))).toMatchObject({ code: "verify/format" });
});
