import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf } from "../../../shared/documents/signed-document.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import { BRAKES } from "../../../shared/jobs/prune/brakes.ts";
import { findOrphans } from "../../../shared/jobs/orphans/find.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { newRecipient, publishIn } from "../../support/bundles-made.ts";
import { saying } from "../../support/matchers.ts";
import { bytesAt, CLUSTER, custodyOf, makeTestKeys, plant } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import { DAY_MS, execute, findingsIn, goingIn, historyOf, HOUR_MS, idsIn, order, plan } from "./history.ts";

/** What becomes of published restore bundles: they go with their snapshot. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

const five = historyOf(5);
/** No backup came for a day, which a person looked at. */
const LONG_QUIET = { although: [...BRAKES] };

const bundlesOf = (vault: TestVault, id = ""): Promise<readonly string[]> => keysIn(vault.blobs, `bundles/${CLUSTER}/${id}`);

async function publish(vault: TestVault, id = ""): Promise<readonly string[]> {
  await publishIn(vault, `${CLUSTER}/${id}`, [await newRecipient("cp-1")]);
  return bundlesOf(vault, id);
}

describe.each([[{ versions: false }], [{ versions: true }]])("published bundles in a store with %j", (options) => {
  test("go with the snapshot that they are of, and no others", async () => {
    const { vault, ids } = await five(keys, options);
    const going = await publish(vault, ids[0]);
    const staying = await publish(vault, ids[4]);
    expect([going.length, staying.length]).toEqual([3, 3]);
    expect(goingIn(await plan(vault))).toEqual(ids.slice(0, 2));
    await order(vault);
    const named =
      custodyOf(vault)
        .at(-1)
        ?.subjects.filter(({ key }) => key.startsWith("bundles/")) ?? [];
    expect(named.map(({ key }) => key).toSorted()).toEqual(going);
    for (const { key, digest, version, bytes } of named) {
      expect(digest).toBe(options.versions ? undefined : digestOf(bytesAt(vault, key)));
      expect(version).toBe(vault.blobs.objects.get(key)?.version);
      expect(bytes).toBe(bytesAt(vault, key).length);
    }
    const done = await execute(vault);
    expect(done.refused).toEqual([]);
    expect(await idsIn(vault)).toEqual(ids.slice(2));
    expect(await bundlesOf(vault)).toEqual(staying);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("that came after the order are left for the next one", async () => {
    const { vault, ids } = await five(keys, options);
    await order(vault);
    const late = await publish(vault, ids[0]);
    await execute(vault);
    expect(await idsIn(vault)).toEqual(ids.slice(2));
    expect(await bundlesOf(vault)).toEqual(late);
    vault.clock.advance(DAY_MS + HOUR_MS);
    await order(vault, LONG_QUIET);
    expect((await execute(vault)).refused).toEqual([]);
    expect(await bundlesOf(vault)).toEqual([]);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("are neither foreign nor orphans, and count among what their snapshot takes", async () => {
    const { vault, ids } = await five(keys, options);
    const before = (await plan(vault)).decisions.find(({ id }) => id === ids[4])?.bytes ?? 0;
    const bytes = (await publish(vault, ids[4])).reduce((sum, key) => sum + bytesAt(vault, key).length, 0);
    vault.clock.advance(3 * DAY_MS);
    const { facts, decisions, leftovers, unclear } = await plan(vault);
    expect(decisions.find(({ id }) => id === ids[4])?.bytes).toBe(before + bytes);
    expect([facts.inventory.foreign.count, leftovers, unclear]).toEqual([0, [], []]);
    expect(await findOrphans(vault, { olderThanMs: 0 })).toEqual({ orphans: [], unclear: [] });
  });

  test("of a snapshot that nobody ordered to go are told of, and stay", async () => {
    const { vault, ids } = await five(keys, options);
    const key = `bundles/${CLUSTER}/20200101T000000Z/20200101T000000Z/cp-1.tar`;
    plant(vault, key, "a tar");
    plant(vault, `bundles/${CLUSTER}/${ids[0]}/notes.txt`, "not ours");
    vault.clock.advance(2 * DAY_MS);
    const { unclear, leftovers, facts } = await plan(vault);
    expect(unclear).toEqual([{ key, reason: saying("has no manifest any more, and the custody log has no order to remove it") }]);
    expect(leftovers).toEqual([]);
    expect(facts.inventory.foreign).toEqual({ keys: [`bundles/${CLUSTER}/${ids[0]}/notes.txt`], count: 1 });
  });
});

describe("bundles that are locked", () => {
  const options = { versions: true };

  test("keep their snapshot until the lock ends, and then go with it", async () => {
    const { vault, ids } = await five(keys, options);
    vault.clock.advance(1000);
    for (const key of await publish(vault, ids[0])) {
      const until = new Date(vault.clock.now().getTime() + DAY_MS);
      vault.blobs.setLock(key, vault.blobs.objects.get(key)?.version, { until, legalHold: false });
    }
    expect(goingIn(await plan(vault))).toEqual(ids.slice(1, 2));
    vault.clock.advance(DAY_MS + 1000);
    await order(vault, LONG_QUIET);
    await execute(vault);
    expect(await bundlesOf(vault)).toEqual([]);
    expect(await idsIn(vault)).not.toContain(ids[0]);
  });

  test("are named where the lock came after the order, and tried again", async () => {
    const { vault, ids } = await five(keys, options);
    vault.clock.advance(1000);
    const keysOf = await publish(vault, ids[0]);
    await order(vault);
    const until = new Date(vault.clock.now().getTime() + HOUR_MS);
    for (const key of keysOf) vault.blobs.setLock(key, vault.blobs.objects.get(key)?.version, { until, legalHold: false });
    const { locked } = await execute(vault);
    expect(locked).toEqual([{ id: ids[0], key: expect.stringMatching(/^bundles\//) as unknown, until }]);
    expect(vault.blobs.objects.has(manifestKey(CLUSTER, ids[0] ?? ""))).toBe(true);
    vault.clock.advance(HOUR_MS);
    expect((await execute(vault)).removed).toMatchObject([{ id: ids[0] }]);
    expect(await bundlesOf(vault)).toEqual([]);
  });

  test("are not locked anew by the keeper, which renews the locks of what is kept", async () => {
    const { vault, ids } = await five(keys, options);
    const bundles = await publish(vault, ids[4]);
    const { locks } = await execute(vault, { keptLockMs: 30 * DAY_MS });
    expect(locks.failed).toEqual([]);
    expect(locks.extended).toBeGreaterThan(5);
    for (const key of bundles) expect(await vault.blobs.lockOf(key)).toBeUndefined();
  });
});
