import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { custodyKey, verifiedPrefix } from "../../../shared/documents/layout.ts";
import type { CustodyRecord } from "../../../shared/documents/custody-record.ts";
import { ORDER_VALID_MS } from "../../../shared/vault/custody/orders.ts";
import { appendRecord } from "../../../shared/vault/custody/append.ts";
import { orderRemovals } from "../../../shared/jobs/prune/order.ts";
import type { Execution } from "../../../shared/jobs/prune/execute.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { failureOf, keys as keysIn } from "../../support/blobs.ts";
import { signedBy } from "../../support/envelopes.ts";
import { saying } from "../../support/matchers.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, makeTestKeys, newVault, plant } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";
import type { History } from "./history.ts";
import { addVersions, execute, findingsIn, historyOf, HOUR_MS, hourly, idsIn, keeping, nextRecord, order, plan } from "./history.ts";

/** Which orders the keeper follows. */

let keys: TestKeys;
let others: TestKeys;
beforeAll(async () => {
  [keys, others] = await Promise.all([makeTestKeys(), makeTestKeys()]);
});
afterAll(() => Promise.all([keys.remove(), others.remove()]));

/** Five snapshots, of which two are to go. */
const made = historyOf(5);
const five = (): Promise<History> => made(keys);

async function expectRefused({ vault, ids }: History, code: string, message: unknown): Promise<Execution> {
  const done = await execute(vault);
  expect(done).toMatchObject({ orderRefused: { code, message }, removed: [], refused: [] });
  expect(await idsIn(vault)).toEqual(ids);
  return done;
}

describe("of several orders the newest alone counts", () => {
  test("what it does not name stays, though the keeper's own policy would let it go", async () => {
    const { vault, ids } = await five();
    await order(vault);
    expect(await order(vault, { policy: keeping(4) })).toMatchObject({ outcome: "ordered", subjects: 3 });
    // What the first one named and still stands is taken back.
    expect(custodyOf(vault).at(-2)).toMatchObject({ event: "failed", details: { reason: "a later plan keeps it" } });
    expect((await execute(vault)).removed.map(({ id }) => id)).toEqual(ids.slice(0, 1));
    expect(await idsIn(vault)).toEqual(ids.slice(1));
    expect(await findingsIn(vault)).toEqual([]);
  });

  test("the same one given again, after another, is whole", async () => {
    const { vault, ids } = await five();
    await order(vault);
    await order(vault, { policy: keeping(4) });
    expect(await order(vault)).toMatchObject({ outcome: "ordered", subjects: 6 });
    expect((await execute(vault)).removed.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  });

  test("one that takes more brakes off than the one before is given anew", async () => {
    const { vault } = await five();
    await order(vault);
    expect(await order(vault, { although: ["many", "foreign"] })).toMatchObject({ outcome: "ordered", subjects: 6 });
    expect(await order(vault, { although: ["many"] })).toMatchObject({ outcome: "already", subjects: 6 });
    expect(custodyOf(vault).at(-1)?.details.order?.although).toEqual(["many", "foreign"]);
  });
});

describe("an order of several records", () => {
  /** One of the two that go has 1,200 versions of a document beside it. */
  async function large(): Promise<History> {
    // Not a copy: its versions would be counted from the beginning again.
    const vault = newVault(keys, undefined, { versions: true });
    const ids = await hourly(vault, 5);
    const [key = ""] = await keysIn(vault.blobs, verifiedPrefix(CLUSTER, ids[0]));
    await addVersions(vault, key, 1194);
    return { vault, ids };
  }

  test("of 1,200 subjects is followed whole, also with other records between its parts", async () => {
    const { vault, ids } = await large();
    const planned = await plan(vault);
    // Another run writes to the log between any two records of this one.
    const put = vault.blobs.put.bind(vault.blobs);
    let between = 0;
    vault.blobs.put = async (key, ...rest) => {
      if (key.includes("/custody/") && key === nextRecord(vault) && between < 3) {
        between++;
        await appendRecord(vault, CLUSTER, "snapshot", { event: "skipped", subjects: [], details: { reason: "between" } });
      }
      return put(key, ...rest);
    };
    const ordered = await orderRemovals(vault, CLUSTER, planned, { although: ["many"] });
    vault.blobs.put = put;
    expect(ordered).toMatchObject({ outcome: "ordered", subjects: 1200, records: [{}, {}, {}] });
    const parts = custodyOf(vault).filter(({ event }) => event === "removed");
    expect(parts.map(({ subjects, details }) => [subjects.length, details.order?.part, details.order?.parts])).toEqual([
      [500, 1, 3],
      [500, 2, 3],
      [200, 3, 3],
    ]);
    expect(between).toBe(3);
    expect(await order(vault)).toMatchObject({ outcome: "already", subjects: 1200 });
    const done = await execute(vault);
    expect(done.removed.map(({ id, objects }) => [id, objects.length])).toEqual([
      [ids[0], 1197],
      [ids[1], 3],
    ]);
    expect(await idsIn(vault)).toEqual(ids.slice(2));
    expect(await findingsIn(vault)).toEqual([]);
  });

  test.each([1, 2])("whose run was killed after record %i is not followed, and the next run gives it whole", async (written) => {
    const { vault, ids } = await large();
    const second = custodyKey(CLUSTER, custodyOf(vault).length + 1 + written);
    vault.blobs.inject({ call: "put", key: new RegExp(second), fault: { kind: "error" } });
    expect(await failureOf(order(vault))).toMatchObject({ code: "store/failed" });
    expect(custodyOf(vault).filter(({ event }) => event === "removed")).toHaveLength(written);
    await expectRefused({ vault, ids }, "incomplete", saying(`${written} of its 3 records are there`));
    expect(await order(vault)).toMatchObject({ outcome: "ordered", subjects: 1200, records: [{}, {}, {}] });
    expect((await execute(vault)).removed.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(await findingsIn(vault)).toEqual([]);
  });
});

describe("time", () => {
  test("an order of more than a day ago is refused, and a new one is given in its place", async () => {
    const { vault, ids } = await five();
    await order(vault);
    vault.clock.advance(ORDER_VALID_MS);
    expect((await execute(vault, { dryRun: true })).orderRefused).toBeUndefined();
    vault.clock.advance(1000);
    await expectRefused({ vault, ids }, "expired", saying("more than a day ago"));
    expect(await order(vault, { although: ["many", "overdue"] })).toMatchObject({ outcome: "ordered", subjects: 6 });
    expect((await execute(vault)).removed.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  });

  test("one of long ago is no order any more", async () => {
    const { vault, ids } = await five();
    await order(vault);
    vault.clock.advance(3 * ORDER_VALID_MS);
    expect(await execute(vault)).toMatchObject({ order: undefined, orderRefused: undefined, removed: [] });
    expect(await idsIn(vault)).toEqual(ids);
  });

  test("one in the future is refused", async () => {
    const { vault, ids } = await five();
    const planned = await plan(vault);
    const clock = new ManualClock(new Date(vault.clock.now().getTime() + HOUR_MS).toISOString());
    await orderRemovals({ ...vault, clock }, CLUSTER, planned, { although: ["many"] });
    await expectRefused({ vault, ids }, "future", saying("is in the future"));
  });
});

describe("a log that does not hold together is not followed", () => {
  const at = (sequence: number): string => custodyKey(CLUSTER, sequence);

  test("junk in the place of the record before the order", async () => {
    const history = await five();
    const { vault } = history;
    await order(vault);
    plant(vault, at(custodyOf(vault).length - 1), "junk");
    await expectRefused(history, "broken-chain", saying("is not believed"));
  });

  test("a gap before the order, and one after it", async () => {
    const history = await five();
    const { vault } = history;
    await order(vault);
    const last = custodyOf(vault).length;
    const before = bytesAt(vault, at(last - 1));
    vault.blobs.objects.delete(at(last - 1));
    await expectRefused(history, "broken-chain", saying(`record ${last - 1} is missing`));
    plant(vault, at(last - 1), before);
    await appendRecord(vault, CLUSTER, "snapshot", { event: "skipped", subjects: [] });
    await appendRecord(vault, CLUSTER, "snapshot", { event: "skipped", subjects: [] });
    vault.blobs.objects.delete(at(last + 1));
    const done = await execute(vault);
    expect(done).toMatchObject({ orderRefused: { code: "broken-chain" }, removed: [] });
    vault.blobs.objects.delete(at(last + 2));
    expect((await execute(vault)).removed).toHaveLength(2);
  });

  test("junk as the last record, also where all was done", async () => {
    const history = await five();
    const { vault } = history;
    await order(vault);
    plant(vault, nextRecord(vault), "junk");
    await expectRefused(history, "broken-chain", saying("is not believed"));
    const [last = ""] = [...vault.blobs.objects.keys()]
      .filter((key) => key.includes("/custody/"))
      .toSorted()
      .slice(-1);
    vault.blobs.objects.delete(last);
    await execute(vault);
    plant(vault, last, "junk");
    expect(await execute(vault)).toMatchObject({ order: undefined, orderRefused: { code: "broken-chain" }, removed: [] });
  });

  test("a record of the last day that was signed anew, long before the order", async () => {
    const history = await five();
    const { vault } = history;
    await order(vault);
    const { signer, ...record } = custodyOf(vault)[4] as CustodyRecord;
    plant(vault, at(5), await signedBy(vault.keys, signer.purpose, { ...record, actor: "thief@backups" }, "custody"));
    await expectRefused(history, "broken-chain", saying("record 6 names another record 5"));
  });

  test("the order itself, once more at another number", async () => {
    const history = await five();
    const { vault, ids } = history;
    await order(vault);
    const replayed = bytesAt(vault, at(custodyOf(vault).length));
    await order(vault, { policy: keeping(9) });
    expect(await execute(vault)).toMatchObject({ order: undefined, removed: [] });
    plant(vault, nextRecord(vault), replayed);
    const done = await execute(vault);
    expect(done).toMatchObject({ orderRefused: { code: "broken-chain", message: saying("was moved or copied there") }, removed: [] });
    expect(await idsIn(vault)).toEqual(ids);
  });
});

test.each([1, 3])("records that a stolen writer dates back (%i of them) do not hide an order: it is refused, and told", async (count) => {
  const history = await five();
  const { vault } = history;
  await order(vault);
  const back = new ManualClock(new Date(vault.clock.now().getTime() - 3 * ORDER_VALID_MS).toISOString());
  for (let index = 0; index < count; index++)
    await appendRecord({ ...vault, clock: back }, CLUSTER, "snapshot", { event: "skipped", subjects: [], details: { reason: "busy" } });
  await expectRefused(history, "broken-chain", saying("somebody dated it back"));
});

describe("an order that is not the audit role's is none, and is told", () => {
  /** The next record of the log, as an order of all, before anybody signed it. */
  async function unsigned(vault: TestVault): Promise<object> {
    await order(vault);
    const { signer: _, ...record } = custodyOf(vault).at(-1) as CustodyRecord;
    vault.blobs.objects.delete(custodyKey(CLUSTER, record.sequence));
    return record;
  }

  test("signed by the snapshot key", async () => {
    const history = await five();
    const forged = await signedBy(history.vault.keys, "snapshot", await unsigned(history.vault), "custody");
    plant(history.vault, nextRecord(history.vault), forged);
    await expectRefused(history, "broken-chain", saying("is signed by the snapshot key, which may not record that"));
  });

  test("signed by an audit key that is not trusted", async () => {
    const history = await five();
    const forged = await signedBy(others.ring, "audit", await unsigned(history.vault), "custody");
    plant(history.vault, nextRecord(history.vault), forged);
    await expectRefused(history, "broken-chain", saying("not trusted"));
  });

  test("of another cluster", async () => {
    const history = await five();
    const { vault } = history;
    const record = await unsigned(vault);
    plant(vault, nextRecord(vault), await signedBy(vault.keys, "audit", { ...record, cluster: "test" }, "custody"));
    await expectRefused(history, "broken-chain", saying("was moved or copied there"));
  });

  test("and a real one of another cluster removes nothing of this one", async () => {
    const { vault, ids } = await five();
    await backUp(vault, { cluster: "test" });
    const record = await unsigned(vault);
    const { subjects } = record as CustodyRecord;
    await appendRecord(vault, CLUSTER, "audit", {
      event: "removed",
      subjects: subjects.map((each) => ({ ...each, key: each.key.replace(`clusters/${CLUSTER}/`, "clusters/test/") })),
      details: (record as CustodyRecord).details,
    });
    const before = [...vault.blobs.objects.keys()];
    const done = await execute(vault);
    expect(done.refused).toHaveLength(6);
    expect(done.refused[0]?.reason).toContain("does not belong to a snapshot of this cluster");
    expect([...vault.blobs.objects.keys()]).toEqual(before);
    expect(await idsIn(vault)).toEqual(ids);
  });
});
