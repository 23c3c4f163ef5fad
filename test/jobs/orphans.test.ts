import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import { findOrphans } from "../../shared/jobs/orphans/find.ts";
import { verifyDeep } from "../../shared/jobs/verify/verify.ts";
import { sweepOrphans } from "../../shared/jobs/orphans/sweep.ts";
import type { Orphan } from "../../shared/jobs/orphans/find.ts";
import { dataKey, indexKey, manifestKey, verifiedPrefix } from "../../shared/documents/layout.ts";
import { digestOf, signDocument } from "../../shared/documents/signed-document.ts";
import type { BlobLock, BlobVersion } from "../../shared/store/blob-store.ts";
import { collect, failureOf, keys as keysIn, once } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { backUp, CLUSTER, custodyOf, makeTestKeys, newVault, plant, sealedObject } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

const HOUR_MS = 3_600_000;

let keys: TestKeys;
let vault: TestVault;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());
beforeEach(() => {
  vault = newVault(keys);
});

const find = (olderThanMs = HOUR_MS, cluster?: string): ReturnType<typeof findOrphans> => findOrphans(vault, { olderThanMs, cluster });

async function sweep(orphans: readonly Orphan[]): Promise<number> {
  const { swept, locked } = await sweepAll(orphans);
  expect(locked).toEqual([]);
  return swept.length;
}

/** What was told of: the keys of what is gone, and of what is locked with its lock. */
async function sweepAll(
  orphans: readonly Orphan[],
): Promise<{ readonly swept: readonly string[]; readonly locked: readonly (readonly [string, BlobLock])[] }> {
  const swept: string[] = [];
  const locked: (readonly [string, BlobLock])[] = [];
  await sweepOrphans(vault, orphans, {
    swept: (orphan) => void swept.push(orphan.kind === "data" ? orphan.key : orphan.id),
    locked: ({ key }, lock) => void locked.push([key, lock]),
  });
  return { swept, locked };
}

test("a store with good snapshots only has none, however old", async () => {
  await backUp(vault);
  vault.clock.advance(1000 * HOUR_MS);
  expect(await find()).toEqual({ orphans: [], unclear: [] });
});

test("an index is an orphan where no countersignature names it, or no manifest stands, and is swept", async () => {
  vault = { ...vault, indexFrom: () => 1 };
  const { manifest } = await backUp(vault);
  vault.clock.advance(1000);
  const { countersignature } = await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
  const named = countersignature.replace(/json$/, "index.age");
  const left = indexKey(CLUSTER, manifest.id, "20261121T235959Z");
  const lost = indexKey(CLUSTER, "20260101T000000Z", "20260101T000001Z");
  for (const key of [left, lost]) await vault.blobs.put(key, once("left by a killed run"));
  vault.clock.advance(HOUR_MS);
  const { orphans, unclear } = await find();
  expect(unclear).toEqual([]);
  expect(orphans).toMatchObject([
    { kind: "data", key: lost, reason: "no manifest names its snapshot" },
    { kind: "data", key: left, reason: `no countersignature of ${manifest.id} names it` },
  ]);
  expect(await sweep(orphans)).toBe(2);
  expect((await keysIn(vault.blobs, verifiedPrefix(CLUSTER))).toSorted()).toEqual([countersignature, named].toSorted());
  // One that is not believed might name it.
  await vault.blobs.put(left, once("left by a killed run"));
  plant(vault, countersignature, "garbage");
  vault.clock.advance(HOUR_MS);
  expect((await find()).unclear).toMatchObject([{ key: left }, { key: named }].toSorted((a, b) => (a.key < b.key ? -1 : 1)));
});

test("data without a manifest, data of a lost race and unfinished uploads are found once they are old enough, and swept", async () => {
  const { manifest } = await backUp(vault);
  const left = dataKey(CLUSTER, "20260101T000000Z", "0000000a");
  const lost = dataKey(CLUSTER, manifest.id, "0000000b");
  await vault.blobs.put(left, once("left by a killed run"));
  await vault.blobs.put(lost, once("lost the race"));
  const upload = vault.blobs.leaveUnfinished(7, vault.clock.now());
  expect((await find()).orphans).toEqual([]);
  vault.clock.advance(HOUR_MS);
  const { orphans, unclear } = await find();
  expect(orphans).toMatchObject([
    { kind: "data", key: left, reason: "no manifest names it" },
    { kind: "data", key: lost, reason: saying("lost the race") },
    { kind: "unfinished", id: upload, bytes: 7 },
  ]);
  expect(unclear).toEqual([]);
  expect(await sweep(orphans)).toBe(3);
  expect(await find(0)).toEqual({ orphans: [], unclear: [] });
  expect(await keysIn(vault.blobs, `clusters/${CLUSTER}/data/`)).toEqual([manifest.stored.kind === "sealed" ? manifest.stored.key : ""]);
});

test("data whose manifest does not hold is left alone, and told", async () => {
  const { manifest } = await backUp(vault);
  plant(vault, manifestKey(CLUSTER, manifest.id), "{}");
  vault.clock.advance(48 * HOUR_MS);
  const { orphans, unclear } = await find();
  expect(orphans).toEqual([]);
  expect(unclear).toMatchObject([
    { key: manifest.stored.kind === "sealed" ? manifest.stored.key : "", reason: saying("not a signed envelope") },
  ]);
});

test("what became needed between finding and sweeping stays", async () => {
  const { manifest } = await backUp(vault);
  const key = manifest.stored.kind === "sealed" ? manifest.stored.key : "";
  const held = vault.blobs.objects.get(manifestKey(CLUSTER, manifest.id));
  if (held === undefined) throw new Error("no manifest");
  vault.blobs.objects.delete(manifestKey(CLUSTER, manifest.id));
  vault.clock.advance(2 * HOUR_MS);
  const { orphans } = await find();
  expect(orphans).toMatchObject([{ key }]);
  vault.blobs.objects.set(manifestKey(CLUSTER, manifest.id), held);
  expect(await sweep(orphans)).toBe(0);
  expect(await keysIn(vault.blobs, key)).toEqual([key]);
});

test("of one cluster only its own data is looked at", async () => {
  await vault.blobs.put(dataKey("other", "20260101T000000Z", "0000000a"), once("x"));
  vault.blobs.leaveUnfinished(1, vault.clock.now());
  vault.clock.advance(2 * HOUR_MS);
  expect((await find(HOUR_MS, CLUSTER)).orphans).toEqual([]);
  expect((await find(HOUR_MS, "other")).orphans).toHaveLength(1);
});

test("a sweep that fails tells so, and what was swept before stays swept", async () => {
  for (const run of ["0000000a", "0000000b"]) await vault.blobs.put(dataKey(CLUSTER, "20260101T000000Z", run), once("x"));
  vault.clock.advance(2 * HOUR_MS);
  const { orphans } = await find();
  vault.blobs.inject({ call: "remove", key: /b\.age$/, fault: { kind: "error" } });
  expect(await failureOf(sweep(orphans))).toMatchObject({ code: "store/failed" });
  expect((await find()).orphans).toHaveLength(1);
});

describe("in a store with versions", () => {
  const key = dataKey(CLUSTER, "20260101T000000Z", "0000000a");
  const versions = async (at: string): Promise<readonly BlobVersion[]> => collect(vault.blobs.listVersions(at));
  const put = async (content: string): Promise<string | undefined> => (await vault.blobs.put(key, once(content))).version;
  beforeEach(() => {
    vault = newVault(keys, undefined, { versions: true });
  });

  test("all versions of an orphan are removed, and the record names each with what was in it", async () => {
    const [first, second] = [await put("1"), await put("two")];
    vault.clock.advance(2 * HOUR_MS);
    const { orphans } = await find();
    expect(orphans).toMatchObject([{ key, bytes: 4, lock: undefined, versions: [{ version: second }, { version: first }] }]);
    expect(await sweepAll(orphans)).toEqual({ swept: [key], locked: [] });
    expect(await versions(key)).toEqual([]);
    expect(custodyOf(vault).at(-1)).toMatchObject({
      event: "removed",
      subjects: [
        { key, version: first, digest: digestOf(Buffer.from("1")), bytes: 1 },
        { key, version: second, digest: digestOf(Buffer.from("two")), bytes: 3 },
      ],
    });
  });

  test("what an older lifeboat swept, and only hid behind a delete marker, is found and removed", async () => {
    await put("hidden");
    vault.blobs.hide(key);
    vault.clock.advance(2 * HOUR_MS);
    expect(await keysIn(vault.blobs, "clusters/")).toEqual([]);
    const { orphans } = await find(HOUR_MS, CLUSTER);
    expect(orphans).toMatchObject([{ key, bytes: 6, versions: [{ isDeleteMarker: true }, { isDeleteMarker: false }] }]);
    expect(await sweep(orphans)).toBe(1);
    expect(await versions(key)).toEqual([]);
  });

  test("what is locked stays as it was, is named with its end, and no record tells of its removal", async () => {
    const version = await put("locked");
    const until = new Date("2027-01-01T00:00:00Z");
    await vault.blobs.extendLock(key, version, until);
    await put("newer");
    vault.clock.advance(2 * HOUR_MS);
    const before = await versions(key);
    const { orphans } = await find();
    expect(orphans).toMatchObject([{ key, lock: { until, legalHold: false } }]);
    expect(await sweepAll(orphans)).toEqual({ swept: [], locked: [[key, { until, legalHold: false }]] });
    expect(await versions(key)).toEqual(before);
    expect(custodyOf(vault)).toEqual([]);
    vault.clock.advance(until.getTime() - vault.clock.now().getTime());
    expect(await sweepAll((await find()).orphans)).toEqual({ swept: [key], locked: [] });
  });

  test("a hold that comes between the record and the removal is told as well, and the log says what stays", async () => {
    const [first, second] = [await put("1"), await put("two")];
    vault.clock.advance(2 * HOUR_MS);
    const { orphans } = await find();
    const hold = { until: undefined, legalHold: true };
    const remove = vault.blobs.remove.bind(vault.blobs);
    vault.blobs.remove = async (at, options) => {
      vault.blobs.setLock(key, second, hold);
      return remove(at, options);
    };
    expect(await sweepAll(orphans)).toEqual({ swept: [], locked: [[key, hold]] });
    expect(await versions(key)).toMatchObject([{ version: second }]);
    const [removed, failed] = custodyOf(vault);
    expect(removed).toMatchObject({ event: "removed", subjects: [{ version: first }, { version: second }] });
    expect(failed).toMatchObject({
      event: "failed",
      subjects: [{ key, version: second, digest: digestOf(Buffer.from("two")) }],
      details: { code: "store/locked", of: removed?.sequence },
    });
  });

  test("a refusal for another reason ends the sweep, and the log says that it stays", async () => {
    await put("1");
    vault.clock.advance(2 * HOUR_MS);
    const { orphans } = await find();
    const error = new LifeboatError("store/denied", "no s3:DeleteObjectVersion");
    vault.blobs.inject({ call: "remove", key: /./, fault: { kind: "error", error } });
    vault.blobs.inject({ call: "lockOf", key: /./, fault: { kind: "error", error } });
    expect(await failureOf(sweepAll(orphans))).toBe(error);
    expect(custodyOf(vault).map(({ event, details }) => [event, details.code])).toEqual([
      ["removed", undefined],
      ["failed", "store/denied"],
    ]);
    expect(await versions(key)).toHaveLength(1);
  });

  test("a snapshot whose manifest somebody hid, or put another in the place of, keeps its data", async () => {
    const hidden = (await backUp(vault)).manifest;
    vault.clock.advance(HOUR_MS);
    const replaced = (await backUp(vault)).manifest;
    vault.blobs.hide(manifestKey(CLUSTER, hidden.id));
    // As a stolen writer does: signed, for this very place, and naming other data of this snapshot.
    const other = { ...sealedObject(replaced.stored), key: dataKey(CLUSTER, replaced.id, "0000000b") };
    const forged = await signDocument(vault.keys, "snapshot", { ...replaced, stored: other });
    await vault.blobs.put(
      manifestKey(CLUSTER, replaced.id),
      (async function* () {
        yield forged.bytes;
      })(),
    );
    vault.clock.advance(48 * HOUR_MS);
    const { orphans, unclear } = await find();
    expect(orphans).toEqual([]);
    const data = [hidden, replaced].map(({ stored }) => sealedObject(stored).key);
    expect(unclear).toEqual(data.map((each) => ({ key: each, reason: saying("somebody deleted or replaced that manifest") })));
    // Nor is it swept where that was done after it was listed.
    const left = { bytes: 1, modified: vault.clock.now(), reason: "no manifest names it" };
    const listed = await Promise.all(
      data.map(
        async (each) => ({ kind: "data", cluster: CLUSTER, key: each, versions: await versions(each), lock: undefined, ...left }) as const,
      ),
    );
    expect(await sweepAll(listed)).toEqual({ swept: [], locked: [] });
    for (const each of data) expect(await vault.blobs.head(each)).toBeDefined();
  });
});
