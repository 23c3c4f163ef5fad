import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { indexKey, verifiedPrefix } from "../../../shared/documents/layout.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { bytesAt, CLUSTER, custodyOf, makeTestKeys, newVault, plant } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import { DAY_MS, execute, findingsIn, goingIn, HOUR_MS, hourly, order, plan } from "./history.ts";

/** The index of a snapshot's keys stands beside its countersignature, and goes with the snapshot. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

const indexing = (versions = false): TestVault => ({ ...newVault(keys, undefined, { versions }), indexFrom: () => 1 });
const indexesOf = async (vault: TestVault, id = ""): Promise<readonly string[]> =>
  (await keysIn(vault.blobs, verifiedPrefix(CLUSTER, id === "" ? undefined : id))).filter((key) => key.endsWith(".index.age"));

describe.each([false, true])("with versions: %s, an index", (versions) => {
  test("is ordered with its snapshot by its digest, goes with it, and leaves nothing to find", async () => {
    const vault = indexing(versions);
    const ids = await hourly(vault, 4);
    expect(await indexesOf(vault)).toHaveLength(4);
    const planned = await plan(vault);
    expect([goingIn(planned), planned.facts.inventory.foreign.count]).toEqual([ids.slice(0, 1), 0]);
    const [key = ""] = await indexesOf(vault, ids[0]);
    await order(vault);
    const subject = custodyOf(vault)
      .at(-1)
      ?.subjects.find((each) => each.key === key);
    expect(subject).toMatchObject({ bytes: bytesAt(vault, key).length, digest: expect.stringMatching(/^sha256:/) as unknown });
    expect((await execute(vault)).removed[0]?.objects.map((each) => each.key)).toContain(key);
    expect(await indexesOf(vault)).toHaveLength(3);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("that no countersignature names goes once it is a day old, and those that are named stay", async () => {
    const vault = indexing(versions);
    const ids = await hourly(vault, 2);
    const left = indexKey(CLUSTER, ids[1] ?? "", "20261121T235959Z");
    await vault.blobs.put(left, one("left by a verification that was killed"));
    expect((await plan(vault)).leftovers).toEqual([]);
    vault.clock.advance(DAY_MS);
    // A new snapshot, so that nothing speaks against a prune.
    await hourly(vault, 1);
    expect((await plan(vault)).leftovers).toMatchObject([
      {
        holding: { id: ids[1], indexes: [{ key: left }], data: [] },
        reason: `no countersignature of ${ids[1]} names it: a verification ended before it wrote its own`,
      },
    ]);
    await order(vault);
    await execute(vault);
    expect(await indexesOf(vault)).toHaveLength(3);
    expect(await keysIn(vault.blobs, left)).toEqual([]);
    expect(await findingsIn(vault)).toEqual([]);
  });
});

async function* one(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield Buffer.from(text);
}

test("an index that was replaced since it was ordered stays, with the rest", async () => {
  const vault = indexing();
  const ids = await hourly(vault, 4);
  const [key = ""] = await indexesOf(vault, ids[0]);
  await order(vault);
  plant(vault, key, "another one, and longer than any index of this snapshot is, since a keeper goes by the size".repeat(20));
  const { removed, refused } = await execute(vault);
  expect(removed).toEqual([]);
  expect(refused).toEqual([
    { subject: `${CLUSTER}/${ids[0]}`, reason: `${key} is not the object that was ordered to be removed: it was replaced since` },
  ]);
});

test("a locked index keeps its snapshot, and its lock is renewed with the others", async () => {
  const vault = indexing(true);
  const ids = await hourly(vault, 4);
  const [first = ""] = await indexesOf(vault, ids[0]);
  const [last = ""] = await indexesOf(vault, ids[3]);
  for (const key of [first, last])
    vault.blobs.setLock(key, vault.blobs.objects.get(key)?.version, {
      until: new Date(vault.clock.now().getTime() + HOUR_MS),
      legalHold: false,
    });
  await order(vault);
  const { removed, locks } = await execute(vault, { keptLockMs: 10 * DAY_MS });
  expect(removed.flatMap(({ objects }) => objects.map(({ key }) => key))).not.toContain(first);
  expect(locks).toBeDefined();
  expect((await vault.blobs.lockOf(last))?.until?.getTime()).toBe(vault.clock.now().getTime() + 10 * DAY_MS);
  await expect(vault.blobs.remove(first)).rejects.toThrow(LifeboatError);
});
