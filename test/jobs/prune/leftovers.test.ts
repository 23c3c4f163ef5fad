import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataKey, dataPrefix, manifestKey, pinKey, verifiedPrefix } from "../../../shared/documents/layout.ts";
import { digestOf } from "../../../shared/documents/signed-document.ts";
import { appendRecord } from "../../../shared/vault/custody/append.ts";
import type { BrakeName } from "../../../shared/jobs/prune/brakes.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { backUp, CLUSTER, custodyOf, makeTestKeys, plant } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import { DAY_MS, execute, findingsIn, historyOf, HOUR_MS, idsIn, order, pin, plan } from "./history.ts";

/** What no snapshot needs, and what may be the last copy. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

const three = historyOf(3);
const five = historyOf(5);

/** A day later, with a new snapshot, so that nothing speaks against a prune. */
async function nextDay(vault: TestVault, ms = DAY_MS): Promise<void> {
  vault.clock.advance(ms);
  const { manifest } = await backUp(vault);
  vault.clock.advance(1000);
  await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
}

const ALTHOUGH: readonly BrakeName[] = ["many"];

describe("data that no manifest names", () => {
  test("of a run that was killed goes once it is a day old, and not before", async () => {
    const { vault } = await three(keys);
    vault.clock.advance(HOUR_MS);
    vault.blobs.inject({ call: "put", key: /\/snapshots\//, times: 1, fault: { kind: "error" } });
    expect(await failureOf(backUp(vault))).toMatchObject({ code: "store/failed" });
    const left = (await keysIn(vault.blobs, dataPrefix(CLUSTER))).at(-1) ?? "";
    await nextDay(vault, DAY_MS - 3000);
    expect((await plan(vault)).leftovers).toEqual([]);
    vault.clock.advance(3000);
    expect((await plan(vault)).leftovers).toMatchObject([{ holding: { data: [{ key: left }] }, reason: saying("no manifest names it") }]);
    await order(vault, { although: ALTHOUGH });
    expect(custodyOf(vault).at(-1)?.subjects).toContainEqual(expect.objectContaining({ key: left, digest: expect.any(String) as unknown }));
    expect((await execute(vault)).removed.flatMap(({ objects }) => objects.map(({ key }) => key))).toContain(left);
    expect(await keysIn(vault.blobs, left)).toEqual([]);
    // Whose announcement came to nothing is told of by the record of its removal.
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("of a lost race goes, and what the manifest names stays", async () => {
    const { vault, ids } = await three(keys);
    const lost = dataKey(CLUSTER, ids[2] ?? "", "0000000a");
    plant(vault, lost, "of the loser");
    await nextDay(vault);
    const planned = await plan(vault);
    expect(planned.leftovers).toMatchObject([{ holding: { id: ids[2], data: [{ key: lost }] }, reason: saying("lost the race") }]);
    await order(vault, { although: ALTHOUGH });
    await execute(vault);
    expect(await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${ids[2]}-`)).toHaveLength(1);
    expect(await keysIn(vault.blobs, lost)).toEqual([]);
    expect(await findingsIn(vault)).toEqual([]);
  });
});

describe("a snapshot that was whole", () => {
  test("and whose manifest a thief removed is kept for ever, and named", async () => {
    const { vault, ids } = await three(keys);
    const [id = ""] = ids;
    vault.blobs.objects.delete(manifestKey(CLUSTER, id));
    await nextDay(vault, 2 * DAY_MS);
    const planned = await plan(vault);
    const [data = ""] = await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${id}-`);
    expect(planned.leftovers).toEqual([]);
    expect(planned.unclear).toEqual([{ key: data, reason: saying(`${CLUSTER}/${id} has no manifest any more`) }]);
    // Nor does the keeper take an order that names it without its manifest.
    const subjects = [{ key: data, digest: digestOf(Buffer.from("x")), reason: "because" }];
    const details = { order: { id: digestOf(Buffer.from("y")), part: 1, parts: 1 } };
    await appendRecord(vault, CLUSTER, "audit", { event: "removed", subjects, details });
    expect(await execute(vault)).toMatchObject({ removed: [], refused: [{ reason: saying("the order did not name its manifest") }] });
    expect(await findingsIn(vault)).toContain(`custody/gone ${manifestKey(CLUSTER, id)}`);
  });

  test.each(["manifest", "countersignature"])("and whose keeper died after its %s goes with the next run", async (after) => {
    const { vault, ids } = await five(keys);
    await nextDay(vault, DAY_MS);
    await order(vault);
    const next = after === "manifest" ? /\/verified\// : /\/data\//;
    const { length } = await keysIn(vault.blobs, dataPrefix(CLUSTER));
    vault.blobs.inject({ call: "remove", key: next, times: 3, fault: { kind: "error" } });
    expect(await failureOf(execute(vault))).toMatchObject({ code: "store/failed" });
    expect(await idsIn(vault)).toHaveLength(3);
    expect(await keysIn(vault.blobs, dataPrefix(CLUSTER))).toHaveLength(length);
    // Nobody is told of a loss: the order says that it goes.
    expect(await findingsIn(vault)).toEqual([]);
    expect((await execute(vault)).removed.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    expect(await keysIn(vault.blobs, dataPrefix(CLUSTER))).toHaveLength(3);
    expect(await keysIn(vault.blobs, verifiedPrefix(CLUSTER))).toHaveLength(3);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("and whose keeper died goes also when its order is long past", async () => {
    const { vault, ids } = await five(keys);
    await order(vault);
    vault.blobs.inject({ call: "remove", key: /\/verified\//, times: 2, fault: { kind: "error" } });
    await failureOf(execute(vault));
    // Too young for the keeper to be sure without a manifest.
    expect(await execute(vault)).toMatchObject({ removed: [], refused: [{ reason: saying("a backup that is still running") }, {}] });
    await nextDay(vault, 3 * DAY_MS);
    const planned = await plan(vault);
    expect(planned.unclear).toEqual([]);
    expect(planned.leftovers.map(({ holding, reason }) => [holding.id, reason])).toEqual(
      ids.slice(0, 2).map((id) => [id, "its snapshot was removed, but these objects were left"]),
    );
    await order(vault, { although: ALTHOUGH });
    expect((await execute(vault)).removed.map(({ id }) => id)).toEqual([ids[2], ...ids.slice(0, 2)]);
    expect(await findingsIn(vault)).toEqual([]);
  });
});

describe("what was pinned between two orders", () => {
  test("is taken back in the log, and a theft of it later is told", async () => {
    const { vault, ids } = await five(keys);
    const [id = ""] = ids;
    await order(vault);
    const ordered = custodyOf(vault).length;
    await pin(vault, id);
    await order(vault);
    const taken = custodyOf(vault).find(({ event, details }) => event === "failed" && details.of === ordered);
    expect(taken?.subjects.map(({ key }) => key)).toContain(manifestKey(CLUSTER, id));
    expect(taken?.subjects).toHaveLength(3);
    expect((await execute(vault)).removed).toMatchObject([{ id: ids[1] }]);
    expect(await findingsIn(vault)).toEqual([]);
    vault.blobs.objects.delete(manifestKey(CLUSTER, id));
    const [data = ""] = await keysIn(vault.blobs, `${dataPrefix(CLUSTER)}${id}-`);
    expect(await findingsIn(vault)).toContain(`custody/gone ${manifestKey(CLUSTER, id)}`);
    vault.blobs.objects.delete(data);
    expect((await findingsIn(vault)).length).toBeGreaterThan(0);
  });

  test("also where the order of then waits for a person, or has nothing left to name", async () => {
    const { vault, ids } = await five(keys);
    await order(vault);
    await pin(vault, ids[0] ?? "");
    expect(await order(vault, { although: [] })).toMatchObject({ outcome: "ordered" });
    await pin(vault, ids[1] ?? "");
    expect(await order(vault, { although: [] })).toEqual({ outcome: "nothing" });
    for (const id of ids.slice(0, 2)) vault.blobs.objects.delete(manifestKey(CLUSTER, id));
    expect(await findingsIn(vault)).toEqual(
      expect.arrayContaining(ids.slice(0, 2).map((id) => `custody/gone ${manifestKey(CLUSTER, id)}`)),
    );
  });

  test("also where a brake stops the second order", async () => {
    const { vault, ids } = await five(keys);
    await order(vault);
    await pin(vault, ids[0] ?? "");
    plant(vault, `clusters/${CLUSTER}/notes.txt`, "mine");
    expect(await order(vault, { although: [] })).toMatchObject({ outcome: "waits" });
    vault.blobs.objects.delete(manifestKey(CLUSTER, ids[0] ?? ""));
    expect(await findingsIn(vault)).toContain(`custody/gone ${manifestKey(CLUSTER, ids[0] ?? "")}`);
  });
});

test("a pin without its snapshot is kept, and named", async () => {
  const { vault, ids } = await three(keys);
  const [id = ""] = ids;
  const key = pinKey(CLUSTER, "20251121T100000Z", 1);
  await pin(vault, id);
  plant(vault, key, "junk");
  await nextDay(vault, 2 * DAY_MS);
  expect((await plan(vault)).unclear).toMatchObject([{ key }]);
});

test("unfinished uploads of a day ago are thrown away, by dry run only counted", async () => {
  const { vault } = await three(keys);
  const old = vault.blobs.leaveUnfinished(1000, new Date(vault.clock.now().getTime() - DAY_MS));
  vault.blobs.leaveUnfinished(500, new Date(vault.clock.now().getTime() - DAY_MS + 1000));
  expect((await execute(vault, { dryRun: true })).unfinished).toEqual([{ id: old, bytes: 1000 }]);
  expect((await execute(vault)).unfinished).toEqual([{ id: old, bytes: 1000 }]);
  expect((await execute(vault)).unfinished).toEqual([]);
});
