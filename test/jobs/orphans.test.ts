import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { findOrphans, sweepOrphans } from "../../shared/jobs/orphans.ts";
import type { Orphan } from "../../shared/jobs/orphans.ts";
import { dataKey, manifestKey } from "../../shared/documents/layout.ts";
import { failureOf, keys as keysIn, once } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { backUp, CLUSTER, makeTestKeys, newVault, plant } from "../support/vaults.ts";
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
  let swept = 0;
  await sweepOrphans(vault, orphans, () => (swept += 1));
  return swept;
}

test("a store with good snapshots only has none, however old", async () => {
  await backUp(vault);
  vault.clock.advance(1000 * HOUR_MS);
  expect(await find()).toEqual({ orphans: [], unclear: [] });
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
