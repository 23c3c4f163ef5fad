import { afterAll, beforeAll, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import type { Vault } from "../../../shared/vault/vault.ts";
import { checkEtcd } from "../../../shared/jobs/doctor/check-etcd.ts";
import type { Connect } from "../../../shared/jobs/doctor/check-etcd.ts";
import { endpointOf, ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { ScriptedMember } from "../../doubles/scripted-etcd.ts";
import { failureOf } from "../../support/blobs.ts";
import { makeTestKeys, newVault, POLICY } from "../../support/vaults.ts";
import type { TestKeys } from "../../support/vaults.ts";

const { signal } = new AbortController();
const down = new LifeboatError("etcd/unreachable", "refused", { hint: "start it" });
const CLUSTERS: Readonly<Record<string, readonly ScriptedMember[]>> = {
  good: [{ number: 1 }, { number: 2 }, { number: 3 }],
  lame: [{ number: 1 }, { number: 2, status: down }, { number: 3 }],
  gone: [{ number: 1, status: down }],
};

let keys: TestKeys;
const openVault = (): Promise<Vault> => Promise.resolve(newVault(keys));
beforeAll(async () => {
  keys = await makeTestKeys();
});
afterAll(() => keys.remove());

test("each cluster's findings stand under its name, the worst first; one that cannot be asked does not hide the others", async () => {
  const connect: Connect = (cluster, look) => {
    const members = CLUSTERS[cluster];
    if (members === undefined)
      throw new LifeboatError("config/secret", "clusters.mute.auth.password: there is no ETCD_PASSWORD", { hint: "set it" });
    return look({ ...newVault(keys), etcd: new ScriptedEtcd(members), policy: POLICY });
  };
  const reports = await checkEtcd(["good", "lame", "gone", "mute"], connect, openVault, signal);
  expect(
    reports.map(({ cluster, result, findings }) => [
      cluster,
      result?.plan !== undefined,
      findings.map(({ severity, code, subject }) => [severity, code, subject]),
    ]),
  ).toEqual([
    ["good", true, []],
    ["lame", true, [["problem", "endpoint-unreachable", `lame: ${endpointOf(2)}`]]],
    ["gone", false, [["problem", "endpoint-unreachable", `gone: ${endpointOf(1)}`]]],
    ["mute", false, [["problem", "not-checked", "mute"]]],
  ]);
});

test("a store that cannot be read says nothing against etcd", async () => {
  const vault = newVault(keys);
  const error = new LifeboatError("store/failed", "the disk is gone");
  vault.blobs.inject({ call: "list", key: /./, times: Infinity, fault: { kind: "error", error } });
  const [report] = await checkEtcd(
    ["good"],
    (_, look) => look({ ...vault, etcd: new ScriptedEtcd(CLUSTERS["good"] ?? []), policy: POLICY }),
    async () => vault,
    signal,
  );
  expect(report).toMatchObject({ findings: [], result: { lineage: undefined } });
  expect(report?.result?.sources).toHaveLength(3);
});

test("an interruption ends it", async () => {
  const failure = await failureOf(
    checkEtcd(["good"], () => Promise.reject(new LifeboatError("interrupted", "stopped")), openVault, signal),
  );
  expect(failure).toMatchObject({ code: "interrupted" });
});
