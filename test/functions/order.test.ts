import { afterAll, beforeAll, expect, test } from "vitest";
import { orderAfter } from "../../functions/order.ts";
import type { Ordered } from "../../functions/order.ts";
import type { PrunePolicy } from "../../shared/jobs/prune/plan.ts";
import { LifeboatError } from "../../shared/errors.ts";
import { unaccountedBytes } from "../../shared/jobs/prune/storage.ts";
import { execute, HOUR_MS, hourly, KEEP_THREE, order, plan } from "../jobs/prune/history.ts";
import { saying } from "../support/matchers.ts";
import { CLUSTER, custodyOf, makeTestKeys, newVault, plant } from "../support/vaults.ts";
import type { TestKeys, TestVault } from "../support/vaults.ts";

/** What the verify function does after its countersignature. */

let keys: TestKeys;
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

function after(vault: TestVault, policyOf: () => { readonly policy: PrunePolicy } = () => ({ policy: KEEP_THREE })): Promise<Ordered> {
  return orderAfter({ ports: { ...vault, replicas: [] }, signal: new AbortController().signal }, CLUSTER, policyOf);
}

const SEEN = { orderFailed: 0, orderUnfollowed: 0, unaccountedBytes: 0 };

test("where all is kept nothing is ordered", async () => {
  const vault = newVault(keys);
  await hourly(vault, 3);
  const records = custodyOf(vault).length;
  expect(await after(vault)).toMatchObject({
    order: { outcome: "nothing", brakes: [], message: null },
    custody: undefined,
    measured: { ...SEEN, removalWaits: 0 },
  });
  expect(custodyOf(vault)).toHaveLength(records);
});

test("what a backup displaces is ordered, once, and the log's new end is told", async () => {
  const vault = newVault(keys);
  await hourly(vault, 4);
  const ordered = await after(vault);
  expect(ordered).toMatchObject({ order: { outcome: "ordered", subjects: 3 }, measured: { ...SEEN, removalWaits: 0 } });
  expect(ordered.order.bytes).toBeGreaterThan(0);
  expect(ordered.custody?.sequence).toBe(custodyOf(vault).length);
  expect(await after(vault)).toMatchObject({ order: { outcome: "already", subjects: 3 }, custody: undefined });
});

test("what a person has to look at waits, by its names, and is counted", async () => {
  const vault = newVault(keys);
  await hourly(vault, 6);
  const records = custodyOf(vault).length;
  expect(await after(vault)).toMatchObject({
    order: { outcome: "waits", subjects: 0, brakes: [{ name: "many", fix: saying("lifeboat prune prod --dry-run") }] },
    measured: { ...SEEN, removalWaits: 1 },
  });
  expect(custodyOf(vault)).toHaveLength(records);
});

test("what fails is told and counted, and nothing is thrown", async () => {
  const vault = newVault(keys);
  await hourly(vault, 4);
  const failing = new LifeboatError("config/not-found", "no cluster prod", { hint: "look" });
  const failed = await after(vault, () => {
    throw failing;
  });
  expect(failed).toEqual({
    order: {
      outcome: "failed",
      subjects: 0,
      bytes: 0,
      brakes: [],
      message: "what is to go of prod could not be ordered: no cluster prod\nhint: look",
    },
    custody: undefined,
    measured: { orderFailed: 1 },
  });
  const bug = await after(vault, () => {
    throw new TypeError("x of undefined");
  });
  expect(bug.order.message).toBe(
    "what is to go of prod could not be ordered: internal error (a bug)\nhint: see the function's log, and report it",
  );
  expect(vault.progress.warnings.at(-1)).toContain("order.test.ts");
});

test("orders that nobody follows are seen after a day, though each run makes a new one", async () => {
  const vault = newVault(keys);
  await hourly(vault, 4);
  expect((await after(vault)).measured).toMatchObject({ orderUnfollowed: 0 });
  vault.clock.advance(25 * HOUR_MS);
  await hourly(vault, 1);
  expect((await after(vault)).measured).toMatchObject({ orderUnfollowed: 1 });
  // The newest order is young, and hides nothing.
  await order(vault);
  expect((await after(vault)).measured).toMatchObject({ orderUnfollowed: 1 });
  await execute(vault, { although: ["many"] });
  expect((await after(vault)).measured).toMatchObject({ orderUnfollowed: 0 });
});

test("what retention does not account for is counted once it is more than half of what is kept, and 100 MB", async () => {
  const vault = newVault(keys);
  await hourly(vault, 3);
  expect((await after(vault)).measured["unaccountedBytes"]).toBe(0);
  plant(vault, `clusters/${CLUSTER}/data/junk.bin`, Buffer.alloc(1000));
  const { decisions, facts } = await plan(vault);
  expect(unaccountedBytes({ decisions, facts })).toBe(0);
  const of = (bytes: number): number => unaccountedBytes({ decisions, facts: { ...facts, inventory: { ...facts.inventory, bytes } } });
  const kept = decisions.reduce((sum, { bytes }) => sum + bytes, 0);
  expect([of(kept + 100e6), of(kept + 100e6 + 1), of(kept + 1e9)]).toEqual([0, 1, 9e8]);
  const large = decisions.map((each) => ({ ...each, bytes: 1e9 }));
  const total = 1e9 * large.length;
  const ofLarge = (bytes: number): number =>
    unaccountedBytes({ decisions: large, facts: { ...facts, inventory: { ...facts.inventory, bytes } } });
  expect([ofLarge(1.5 * total), ofLarge(1.5 * total + 7)]).toEqual([0, 7]);
});
