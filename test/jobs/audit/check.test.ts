import { expect, test } from "vitest";
import { checkRpo } from "../../../shared/jobs/audit/check.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { manifestKey } from "../../../shared/documents/layout.ts";
import { ManualClock } from "../../doubles/manual-clock.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { randomSnapshot } from "../../support/snapshots.ts";
import { useBuiltVault } from "../../support/use-vault.ts";
import { backUp, CLUSTER, countersignAs, plant } from "../../support/vaults.ts";

const FIRST = "20261121T100000Z";
const SECOND = "20261121T110000Z";
const RPO_MS = 7_200_000;

const { vault } = useBuiltVault(async (first) => {
  await backUp(first);
  await verifyDeep(first, `prod/${FIRST}`);
  return {};
});

const check = () => checkRpo(vault, CLUSTER, RPO_MS);

test("a good snapshot within the rpo is all that is asked for, and some documents are all that is read", async () => {
  vault.clock.advance(RPO_MS);
  vault.blobs.calls.get = 0;
  expect(await check()).toEqual({
    cluster: CLUSTER,
    rpoMs: RPO_MS,
    good: { id: FIRST, takenAt: "2026-11-21T10:00:00.000Z", ageMs: RPO_MS },
    problems: [],
  });
  expect(vault.blobs.calls.get).toBe(3);
});

test("one that is too old is a problem, and a newer one that is not good says why it does not help", async () => {
  vault.clock.advance(3_600_000);
  await backUp(vault);
  expect((await check()).problems).toEqual([]);
  vault.clock.advance(3_600_001);
  expect((await check()).problems).toEqual([
    "the newest good snapshot is too old",
    `the newest, prod/${SECOND}, is not good: not countersigned`,
  ]);
});

test("the age is that of the data: an old slot that is backed up late is as young as its content", async () => {
  vault.clock.advance(10 * 3_600_000);
  await backUp(vault, { slot: "2026-11-21T12:00:00Z" });
  await verifyDeep(vault, "prod/20261121T120000Z");
  expect(await check()).toMatchObject({ good: { id: "20261121T120000Z", ageMs: 0 }, problems: [] });
});

test("without a good one there is no age", async () => {
  expect(await checkRpo(vault, "other", RPO_MS)).toEqual({
    cluster: "other",
    rpoMs: RPO_MS,
    good: undefined,
    problems: ["no snapshot is good"],
  });
  plant(vault, manifestKey(CLUSTER, FIRST), "{");
  expect((await check()).problems).toEqual([
    "no snapshot is good",
    saying("is not"),
    `prod/${FIRST} does not count: its manifest does not hold`,
  ]);
});

test("what is countersigned in the future does not count, and is told", async () => {
  const far = { ...vault, clock: new ManualClock("9999-12-31T23:59:59Z") };
  await backUp(far);
  await countersignAs(vault, "99991231T235959Z", FIRST);
  vault.clock.advance(RPO_MS + 1);
  expect((await check()).problems).toEqual([
    "the newest good snapshot is too old",
    saying("prod/99991231T235959Z does not count: its id is in the future"),
  ]);
});

test("a store that fails is no statement on the cluster", async () => {
  vault.blobs.inject({ call: "list", key: /verified/, fault: { kind: "error" } });
  expect(await failureOf(check())).toMatchObject({ code: "store/failed" });
});

test("a lineage that waits for a person is a problem, also where a good snapshot is young", async () => {
  vault.clock.advance(60_000);
  const other = new ScriptedEtcd([{ number: 1, status: { clusterId: "c2" }, snapshots: [[{ send: randomSnapshot(2000) }]] }]);
  await backUp(vault, { etcd: other });
  expect((await check()).problems).toEqual([saying("lineage 2")]);
});
