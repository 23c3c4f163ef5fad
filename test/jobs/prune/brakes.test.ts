import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pinsPrefix } from "../../../shared/documents/layout.ts";
import type { BrakeName } from "../../../shared/jobs/prune/brakes.ts";
import { BRAKES } from "../../../shared/jobs/prune/brakes.ts";
import { acceptLineage } from "../../../shared/jobs/accept-lineage.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { saying } from "../../support/matchers.ts";
import { randomSnapshot } from "../../support/snapshots.ts";
import { backUp, CLUSTER, custodyOf, makeTestKeys, plant } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import { execute, findingsIn, goingIn, historyOf, HOUR_MS, idsIn, order, plan } from "./history.ts";
import type { History } from "./history.ts";

/** Why nothing is removed until a person has looked, and that the person's word is enough. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

/** One of four is to go: no more than a quarter. */
const four = historyOf(4);

/** What each brake is about, done to a vault. */
const CAUSES: Readonly<Record<Exclude<BrakeName, "many">, (vault: TestVault) => unknown>> = {
  "newest-not-good": async (vault) => {
    vault.clock.advance(HOUR_MS);
    await backUp(vault);
  },
  overdue: (vault) => vault.clock.advance(2 * HOUR_MS),
  frozen: async (vault) => {
    vault.clock.advance(HOUR_MS);
    await otherCluster(vault);
    // Where it was left at four, nothing of lineage 1 is free to go.
  },
  foreign: (vault) => plant(vault, `clusters/${CLUSTER}/notes.txt`, "remember the milk"),
};

async function otherCluster(vault: TestVault): Promise<void> {
  const send = randomSnapshot(2000);
  const { manifest } = await backUp(vault, {
    etcd: new ScriptedEtcd([{ number: 1, status: { clusterId: "c2" }, snapshots: [[{ send }]] }]),
  });
  vault.clock.advance(1000);
  await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
}

const WAITS = ["newest-not-good", "overdue", "foreign"] as const;

describe.each(WAITS)("%s", (name) => {
  async function caused(): Promise<History> {
    const history = await four(keys);
    await CAUSES[name](history.vault);
    return history;
  }

  test("is a brake: nothing is ordered, and the log is not written to", async () => {
    const { vault } = await caused();
    const planned = await plan(vault);
    expect(planned.brakes.map((each) => each.name)).toEqual([name]);
    expect(goingIn(planned)).toHaveLength(1);
    const records = custodyOf(vault).length;
    expect(await order(vault, { although: [] })).toMatchObject({ outcome: "waits", brakes: [{ name }] });
    for (const other of BRAKES.filter((each) => each !== name))
      expect(await order(vault, { although: [other] })).toMatchObject({ outcome: "waits" });
    expect(custodyOf(vault)).toHaveLength(records);
  });

  test("named by the person it is none, and the order says so to the keeper", async () => {
    const { vault, ids } = await caused();
    expect(await order(vault, { although: [name] })).toMatchObject({ outcome: "ordered", subjects: 3 });
    expect(custodyOf(vault).at(-1)?.details.order?.although).toEqual([name]);
    expect(await execute(vault)).toMatchObject({ brakes: [], removed: [{ id: ids[0] }] });
    expect(await idsIn(vault)).not.toContain(ids[0]);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("that comes after the order stops the keeper, who takes a person's word as well", async () => {
    const { vault, ids } = await four(keys);
    expect(await order(vault, { although: [] })).toMatchObject({ outcome: "ordered" });
    await CAUSES[name](vault);
    const waiting = await execute(vault);
    expect(waiting).toMatchObject({ brakes: [{ name }], removed: [], refused: [], bytesAfter: waiting.bytesBefore });
    expect(await idsIn(vault)).toContain(ids[0]);
    expect(await execute(vault, { although: [name] })).toMatchObject({ brakes: [], removed: [{ id: ids[0] }] });
  });
});

describe("many", () => {
  const five = historyOf(5);

  test("two of five are more than a quarter, and wait", async () => {
    const { vault } = await five(keys);
    expect((await plan(vault)).brakes).toMatchObject([
      { name: "many", message: saying("2 of the 5 good snapshots of prod would be removed") },
    ]);
    expect(await order(vault, { although: [] })).toMatchObject({ outcome: "waits", brakes: [{ name: "many" }] });
    expect(await order(vault, { although: ["many"] })).toMatchObject({ outcome: "ordered" });
  });

  test("the last one of two may go: that is what one backup displaces", async () => {
    const { vault } = await historyOf(2)(keys);
    const { keeping } = await import("./history.ts");
    const planned = await plan(vault, keeping(1));
    expect([goingIn(planned).length, planned.brakes]).toEqual([1, []]);
  });
});

describe("frozen", () => {
  test("a later lineage that waits for a person keeps all of those before it, and its acceptance lets them go", async () => {
    const { vault, ids } = await four(keys);
    await order(vault, { although: [] });
    await CAUSES.frozen(vault);
    const planned = await plan(vault);
    expect(planned.brakes).toMatchObject([{ name: "frozen", message: saying("lineage 2 of prod is not accepted") }]);
    expect(goingIn(planned)).toEqual([]);
    // The keeper refuses what the order named, whatever it was told to pass over.
    const done = await execute(vault, { although: [...BRAKES] });
    expect(done).toMatchObject({ removed: [], refused: [{ subject: `${CLUSTER}/${ids[0]}`, reason: saying("lineage 1 is frozen") }] });
    await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "we moved" });
    const after = await plan(vault);
    expect(after.brakes).toEqual([]);
    expect(goingIn(after)).toEqual(ids.slice(0, 1));
    expect((await execute(vault)).removed).toMatchObject([{ id: ids[0] }]);
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("junk in the place of a lineage freezes all of them", async () => {
    const { vault } = await four(keys);
    plant(vault, `clusters/${CLUSTER}/lineage/2.json`, "junk");
    const planned = await plan(vault);
    expect(planned.brakes).toMatchObject([{ name: "frozen", fix: saying("lifeboat lineage ls prod") }]);
    expect(goingIn(planned)).toEqual([]);
  });
});

test("where nothing is to go a brake is no finding", async () => {
  const { vault } = await historyOf(3)(keys);
  await CAUSES.foreign(vault);
  expect(await order(vault, { although: [] })).toEqual({ outcome: "nothing" });
  expect(await execute(vault)).toMatchObject({ brakes: [], order: undefined });
});

test("what lies beside documents and has no name of theirs is foreign", async () => {
  const { vault } = await four(keys);
  plant(vault, `${pinsPrefix(CLUSTER)}junk.json`, "junk");
  expect((await plan(vault)).brakes).toMatchObject([{ name: "foreign", message: saying("pins/junk.json") }]);
});
