import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPrefix, manifestKey, pinKey, STORE_KEY, verifiedPrefix } from "../../../shared/documents/layout.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import type { BlobLock } from "../../../shared/store/blob-store.ts";
import { collect, keys as keysIn, once } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { CLUSTER, makeTestKeys } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import { DAY_MS, execute, findingsIn, goingIn, historyOf, HOUR_MS, idsIn, order, pin, plan } from "./history.ts";
import type { History } from "./history.ts";

/** What a lock of the store keeps, and how long the locks of what is kept last. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

const made = historyOf(5);
const five = (): Promise<History> => made(keys, { versions: true });

const HELD: BlobLock = { until: undefined, legalHold: true };
const untilIn = (vault: TestVault, ms: number): BlobLock => ({ until: new Date(vault.clock.now().getTime() + ms), legalHold: false });

/** Every object of a snapshot, data first. */
async function objectsOf(vault: TestVault, id: string): Promise<readonly string[]> {
  const prefixes = [`${dataPrefix(CLUSTER)}${id}-`, manifestKey(CLUSTER, id), verifiedPrefix(CLUSTER, id)];
  return (await Promise.all(prefixes.map((prefix) => keysIn(vault.blobs, prefix)))).flat();
}

async function lockAll(vault: TestVault, id: string, lock: BlobLock | undefined): Promise<void> {
  for (const key of await objectsOf(vault, id)) vault.blobs.setLock(key, vault.blobs.objects.get(key)?.version, lock);
}

describe("a snapshot that is locked when it is planned", () => {
  test.each([
    [
      "until a time",
      (vault: TestVault) => untilIn(vault, DAY_MS),
      /^locked until 2026-11-22T\S+Z, to be removed after that: not among the latest/,
    ],
    ["by a legal hold", () => HELD, /^locked with no end date, to be removed after that: not among the latest/],
  ])("%s is kept whole, with when it goes", async (_how, lockOf, text) => {
    const { vault, ids } = await five();
    await lockAll(vault, ids[0] ?? "", lockOf(vault));
    const planned = await plan(vault);
    expect(goingIn(planned)).toEqual(ids.slice(1, 2));
    expect(planned.decisions.at(-1)?.reasons).toEqual([{ code: "locked", text: expect.stringMatching(text) as unknown }]);
  });

  test("is planned again once the lock has ended, and goes", async () => {
    const { vault, ids } = await five();
    await lockAll(vault, ids[0] ?? "", untilIn(vault, HOUR_MS));
    await order(vault);
    await execute(vault);
    expect(await idsIn(vault)).toEqual([ids[0], ...ids.slice(2)]);
    vault.clock.advance(HOUR_MS);
    await order(vault);
    expect((await execute(vault)).removed).toMatchObject([{ id: ids[0] }]);
    expect(await idsIn(vault)).toEqual(ids.slice(2));
    expect(await findingsIn(vault)).toEqual([]);
  });
});

describe("a lock that is there when the order is followed", () => {
  test("keeps the whole snapshot, is named, and is no finding; a later run of the same order removes it", async () => {
    const { vault, ids } = await five();
    const [id = ""] = ids;
    await order(vault);
    const lock = untilIn(vault, HOUR_MS / 2);
    await lockAll(vault, id, lock);
    const before = await objectsOf(vault, id);
    const done = await execute(vault);
    expect(done).toMatchObject({ refused: [], removed: [{ id: ids[1] }], locked: [{ id, until: lock.until }] });
    expect(await objectsOf(vault, id)).toEqual(before);
    expect((await execute(vault)).locked).toMatchObject([{ id }]);
    vault.clock.advance(HOUR_MS / 2);
    expect(await execute(vault)).toMatchObject({ refused: [], removed: [{ id }], locked: [] });
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("a legal hold as well, until a person takes it away", async () => {
    const { vault, ids } = await five();
    const [id = ""] = ids;
    await order(vault);
    await lockAll(vault, id, HELD);
    expect((await execute(vault)).locked).toMatchObject([{ id, until: undefined }]);
    await lockAll(vault, id, undefined);
    expect((await execute(vault)).removed).toMatchObject([{ id }]);
  });

  test("that shows only while it is removed keeps what it is on, and the rest goes", async () => {
    const { vault, ids } = await five();
    const [id = ""] = ids;
    const [data = "", manifest = ""] = await objectsOf(vault, id);
    await order(vault);
    vault.blobs.setLock(data, vault.blobs.objects.get(data)?.version, untilIn(vault, HOUR_MS));
    const done = await execute(vault);
    expect(done).toMatchObject({ refused: [], locked: [{ id, key: data }] });
    expect(done.removed.find((each) => each.id === id)?.objects).toHaveLength(2);
    expect([await keysIn(vault.blobs, manifest), await objectsOf(vault, id)]).toEqual([[], [data]]);
    vault.clock.advance(2 * DAY_MS);
    // It is left over then, and a new order names it.
    expect((await plan(vault)).leftovers).toMatchObject([{ holding: { id }, reason: saying("no manifest names it") }]);
    await order(vault, { although: ["many", "overdue"] });
    expect((await execute(vault)).removed).toMatchObject([{ id, objects: [{ key: data }] }]);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("on the manifest alone keeps everything beside it", async () => {
    const { vault, ids } = await five();
    const [id = ""] = ids;
    await order(vault);
    const key = manifestKey(CLUSTER, id);
    vault.blobs.setLock(key, vault.blobs.objects.get(key)?.version, untilIn(vault, HOUR_MS));
    const before = await objectsOf(vault, id);
    expect((await execute(vault)).locked).toMatchObject([{ id, key }]);
    expect(await objectsOf(vault, id)).toEqual(before);
  });

  test("a role that may not ask for locks finds out by the removal, and the snapshot stays whole", async () => {
    const { vault, ids } = await five();
    const [id = ""] = ids;
    await order(vault);
    await lockAll(vault, id, untilIn(vault, HOUR_MS));
    vault.blobs.lockOf = () => Promise.reject(new LifeboatError("store/denied", "it may not ask"));
    const before = await objectsOf(vault, id);
    expect(await execute(vault)).toMatchObject({ refused: [], locked: [{ id, key: manifestKey(CLUSTER, id) }] });
    expect(await objectsOf(vault, id)).toEqual(before);
  });
});

describe("the locks of what is kept", () => {
  const KEPT_MS = 30 * DAY_MS;
  const locksIn = async (vault: TestVault): Promise<ReadonlyMap<string, Date | undefined>> => {
    const locks = new Map<string, Date | undefined>();
    for (const { key, version } of await collect(vault.blobs.listVersions(`clusters/${CLUSTER}/`)))
      locks.set(key, (await vault.blobs.lockOf(key, { version }))?.until);
    return locks;
  };

  test("are all renewed: manifests, documents, data, lineages, the custody log; not those of what goes; and at half of the time again", async () => {
    const { vault, ids } = await five();
    await lockAll(vault, ids[0] ?? "", untilIn(vault, HOUR_MS));
    const first = await execute(vault, { keptLockMs: KEPT_MS });
    const until = new Date(vault.clock.now().getTime() + KEPT_MS);
    // Three of each of three snapshots, the lineage, and the log's records of it, of five backups and of five verifications.
    expect(first.locks).toEqual({ extended: 21, failed: [] });
    const locks = await locksIn(vault);
    const going = new Set((await Promise.all(ids.slice(0, 2).map((id) => objectsOf(vault, id)))).flat());
    for (const [key, end] of locks) if (!going.has(key)) expect([key, end]).toEqual([key, until]);
    for (const key of await objectsOf(vault, ids[1] ?? "")) expect(locks.get(key)).toBeUndefined();
    // That a lock keeps it is no reason to lock it for longer.
    for (const key of await objectsOf(vault, ids[0] ?? "")) expect(locks.get(key)).toEqual(new Date(vault.clock.now().getTime() + HOUR_MS));
    vault.clock.advance(KEPT_MS / 2);
    expect((await execute(vault, { keptLockMs: KEPT_MS })).locks.extended).toBe(0);
    vault.clock.advance(1000);
    expect((await execute(vault, { keptLockMs: KEPT_MS })).locks.extended).toBe(21);
  });

  test("are renewed of pins, and of what marks the store", async () => {
    const { vault, ids } = await five();
    await pin(vault, ids[0] ?? "");
    await vault.blobs.put(STORE_KEY, once("{}"));
    expect((await execute(vault, { keptLockMs: KEPT_MS })).locks.failed).toEqual([]);
    const until = new Date(vault.clock.now().getTime() + KEPT_MS);
    for (const key of [STORE_KEY, pinKey(CLUSTER, ids[0] ?? "", 1), manifestKey(CLUSTER, ids[0] ?? "")])
      expect([key, await vault.blobs.lockOf(key)]).toEqual([key, { until, legalHold: false }]);
  });

  test("are renewed of a snapshot whose manifest somebody deleted without an order, since its data may be the last copy", async () => {
    const { vault, ids } = await five();
    const [newest = ""] = ids.slice(-1);
    await vault.blobs.remove(manifestKey(CLUSTER, newest));
    await execute(vault, { keptLockMs: KEPT_MS });
    const until = new Date(vault.clock.now().getTime() + KEPT_MS);
    const left = await objectsOf(vault, newest);
    expect(left).toHaveLength(2);
    for (const key of left) expect([key, await vault.blobs.lockOf(key)]).toEqual([key, { until, legalHold: false }]);
  });

  test("are never shortened, and a dry run renews none", async () => {
    const { vault, ids } = await five();
    const long = untilIn(vault, 2 * KEPT_MS);
    await lockAll(vault, ids[4] ?? "", long);
    expect((await execute(vault, { keptLockMs: KEPT_MS, dryRun: true })).locks.extended).toBe(0);
    expect((await execute(vault, { keptLockMs: KEPT_MS })).locks.extended).toBe(18);
    for (const key of await objectsOf(vault, ids[4] ?? "")) expect((await locksIn(vault)).get(key)).toEqual(long.until);
  });

  test("that cannot be renewed are named, and the others are renewed", async () => {
    const { vault, ids } = await five();
    const key = manifestKey(CLUSTER, ids[4] ?? "");
    vault.blobs.inject({
      call: "extendLock",
      key: new RegExp(key),
      fault: { kind: "error", error: new LifeboatError("store/denied", "no") },
    });
    expect((await execute(vault, { keptLockMs: KEPT_MS })).locks).toEqual({ extended: 20, failed: [{ key, message: "no" }] });
  });

  test("are renewed also where an order is refused, or a brake stops it", async () => {
    const { vault } = await five();
    await order(vault);
    vault.clock.advance(2 * DAY_MS - 1000);
    expect(await execute(vault, { keptLockMs: KEPT_MS })).toMatchObject({ orderRefused: { code: "expired" }, locks: { extended: 22 } });
  });
});
