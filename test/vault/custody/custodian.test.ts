import { beforeEach, expect, test } from "vitest";
import { Custodian } from "../../../shared/vault/custody/custodian.ts";
import { LifeboatError } from "../../../shared/errors.ts";
import { failureOf } from "../../support/blobs.ts";
import { saying } from "../../support/matchers.ts";
import { useVault } from "../../support/use-vault.ts";
import { CLUSTER, custodyOf } from "../../support/vaults.ts";

const SUBJECTS = [{ key: "clusters/prod/snapshots/20261121T100000Z.json" }];
const ERROR = new LifeboatError("store/full", "no space left on the disk");

const { vault } = useVault();
let custodian: Custodian;
beforeEach(() => {
  custodian = new Custodian(vault, CLUSTER, "snapshot");
});

const told = (): readonly unknown[] => custodyOf(vault).map(({ event, details }) => [event, details]);

test("a failure before anything was announced explains nothing", async () => {
  await custodian.fail(ERROR);
  expect(told()).toEqual([["failed", { code: "store/full", reason: "no space left on the disk" }]]);
  expect(custodian.last?.sequence).toBe(1);
});

test("a failure after an announcement explains that one, once", async () => {
  await custodian.announce("backup", SUBJECTS);
  await custodian.fail(ERROR);
  await custodian.fail(ERROR);
  expect(told().slice(1)).toEqual([
    ["failed", { code: "store/full", reason: ERROR.message, of: 1 }],
    ["failed", { code: "store/full", reason: ERROR.message }],
  ]);
});

test("a failure after what was announced came explains nothing", async () => {
  await custodian.announce("backup", SUBJECTS);
  custodian.settle();
  await custodian.fail(ERROR);
  expect(told()[1]).toEqual(["failed", { code: "store/full", reason: ERROR.message }]);
});

test("an announcement of which nobody knows whether it was written is looked for, and explained where it was", async () => {
  vault.blobs.inject({ call: "put", key: /custody/, fault: { kind: "lost-acknowledgement" } });
  vault.blobs.inject({ call: "get", key: /custody/, fault: { kind: "error" } });
  const failure = await failureOf(custodian.announce("backup", SUBJECTS));
  await custodian.fail(failure);
  expect(told()).toEqual([
    ["backup", {}],
    ["failed", { code: "store/failed", reason: failure.message, of: 1 }],
  ]);
});

test("an announcement that was not written is not explained", async () => {
  vault.blobs.inject({ call: "put", key: /custody/, fault: { kind: "error" } });
  await custodian.fail(await failureOf(custodian.announce("backup", SUBJECTS)));
  expect(told()).toEqual([["failed", { code: "store/failed", reason: saying("injected") }]]);
});

test("an internal error is recorded without its words, and a long message is cut", async () => {
  await custodian.fail(new TypeError("cannot read secret of undefined"));
  await custodian.fail(new LifeboatError("etcd/stream", "x".repeat(5000)));
  expect(told()).toEqual([
    ["failed", { code: "unexpected" }],
    ["failed", { code: "etcd/stream", reason: "x".repeat(1000) }],
  ]);
});

test.each(["put", "listFolders"] as const)("a store that fails in a %s is a warning, never an error", async (call) => {
  vault.blobs.inject({ call, key: /custody/, fault: { kind: "error" } });
  await custodian.fail(ERROR);
  expect(vault.progress.warnings).toEqual([saying("cannot record in the custody log that the run failed: ")]);
  expect(custodyOf(vault)).toEqual([]);
});

test.each(["put", "listFolders"] as const)("a store that is dead in a %s is waited for three seconds", async (call) => {
  vault.blobs.inject({ call, key: /custody/, fault: { kind: "delay", ms: 3_600_000 } });
  const over = custodian.fail(ERROR);
  await expect.poll(() => vault.clock.waiting, { timeout: 10_000 }).toBe(2);
  vault.clock.advance(3000);
  await over;
  expect(vault.progress.warnings).toEqual(["cannot record in the custody log that the run failed: it took longer than 3 s"]);
  expect(custodian.last).toBeUndefined();
  // What is still asked is not written when it comes back to life.
  vault.clock.advance(3_600_000);
  await new Promise(setImmediate);
  expect(custodyOf(vault)).toEqual([]);
});
