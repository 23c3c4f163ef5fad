import { expect, test } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import { acceptLineage } from "../../shared/jobs/accept-lineage.ts";
import { preflight } from "../../shared/jobs/preflight.ts";
import { certificatesEnd } from "../../shared/etcd/survey.ts";
import { lineageKey } from "../../shared/documents/layout.ts";
import { endpointOf, ScriptedEtcd } from "../doubles/scripted-etcd.ts";
import type { ScriptedMember } from "../doubles/scripted-etcd.ts";
import { failureOf } from "../support/blobs.ts";
import { saying } from "../support/matchers.ts";
import { randomSnapshot } from "../support/snapshots.ts";
import { useVault } from "../support/use-vault.ts";
import { backUp, CLUSTER, plant, POLICY } from "../support/vaults.ts";

const { vault } = useVault();

const look = (members: readonly ScriptedMember[], signal?: AbortSignal): ReturnType<typeof preflight> =>
  preflight({ ...vault, etcd: new ScriptedEtcd(members), policy: POLICY }, CLUSTER, signal);
const codes = async (members: readonly ScriptedMember[]): Promise<readonly string[]> =>
  (await look(members)).findings.map(({ code }) => code);
const down = new LifeboatError("etcd/unreachable", "refused");

test("a healthy cluster: whom a backup would ask first, and the lineage that it would open", async () => {
  const result = await look([{ number: 1 }, { number: 2, status: { raftAppliedIndex: 110, revision: 60 } }, { number: 3 }]);
  expect(result).toMatchObject({
    plan: { clusterId: "c1", revision: 60, quarantine: undefined },
    findings: [],
    lineage: { number: 1, opens: { reason: "first-backup" } },
  });
  expect(result.plan?.sources.map(({ name, reason }) => [name, reason])).toEqual([
    ["m2", "follower at applied index 110"],
    ["m3", "follower at applied index 100"],
    ["m1", saying("leader")],
  ]);
});

test("asks everyone and changes nothing: no snapshot, no object", async () => {
  const etcd = new ScriptedEtcd([{ number: 1 }, { number: 2, status: { isLearner: true } }, { number: 3, status: down }]);
  await preflight({ ...vault, etcd, policy: POLICY }, CLUSTER);
  const asked = (call: string): readonly string[] =>
    etcd.asked.filter((each) => each.startsWith(`${call} `)).map((each) => each.slice(call.length + 1));
  expect(asked("status")).toEqual([1, 2, 3].map(endpointOf));
  // A learner refuses the question itself, and who is down is not asked again.
  expect(asked("permission")).toEqual([endpointOf(1)]);
  expect(asked("members")).toEqual([endpointOf(1)]);
  expect(new Set(etcd.asked.map((call) => call.split(" ")[0]))).toEqual(
    new Set(["status", "certificate", "permission", "members", "gate"]),
  );
  expect(etcd.streamed).toEqual([]);
  expect(vault.blobs.calls.put).toBe(0);
});

test("says before whom a gate stands, and whom it was forgotten at", async () => {
  const everywhere = await look([
    { number: 1, gated: true },
    { number: 2, gated: true },
  ]);
  expect([...everywhere.gates]).toEqual([
    [endpointOf(1), true],
    [endpointOf(2), true],
  ]);
  expect(everywhere.findings).toEqual([]);
  const half = await look([{ number: 1, gated: true }, { number: 2 }, { number: 3, status: down }]);
  expect(half.gates.get(endpointOf(3))).toBeUndefined();
  expect(half.findings.filter(({ code }) => code === "gate-missing")).toMatchObject([{ severity: "warning", subject: endpointOf(2) }]);
  expect(await codes([{ number: 1 }, { number: 2 }])).toEqual([]);
});

test("a cluster that no backup could be taken of is described all the same", async () => {
  const result = await look([
    { number: 1, status: down },
    { number: 2, status: down },
  ]);
  expect(result).toMatchObject({ plan: undefined, lineage: undefined, sources: [] });
  expect(result.findings.map(({ code, subject }) => [code, subject])).toEqual([
    ["endpoint-unreachable", endpointOf(1)],
    ["endpoint-unreachable", endpointOf(2)],
  ]);
  expect(await codes([{ number: 1 }, { number: 2, status: { clusterId: "c2" } }])).toContain("clusters-differ");
});

test("alarms are those that any status tells of, also without a leader; unknown where nobody answers", async () => {
  const alarm = { memberId: "a2", alarm: "NOSPACE" } as const;
  const result = await look([
    { number: 1, status: { leaderId: undefined, alarms: [alarm] } },
    { number: 2, status: down },
  ]);
  expect(result.alarms).toEqual([alarm]);
  expect(result.findings.map(({ code }) => code)).toEqual(expect.arrayContaining(["no-leader", "no-quorum", "no-member", "nospace"]));
  expect((await look([{ number: 1 }])).alarms).toEqual([]);
  expect((await look([{ number: 1, status: down }])).alarms).toBeUndefined();
});

test("who may not take a snapshot is told, and is no source", async () => {
  const permission = new LifeboatError("etcd/denied", "not root", { hint: "use root" });
  const { sources, findings } = await look([{ number: 1, permission }]);
  expect(sources).toEqual([]);
  expect(findings).toEqual([
    expect.objectContaining({ code: "permission-denied", severity: "problem", message: "not root", fix: "use root" }),
  ]);
});

test("whether one may, not being known, is no obstacle", async () => {
  const { sources, findings } = await look([{ number: 1, permission: new LifeboatError("etcd/timeout", "no answer") }]);
  expect(sources).toHaveLength(1);
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([["permission-unknown", "warning"]]);
});

test("a new lineage is a problem to look at before the backup opens it", async () => {
  await backUp(vault);
  expect((await look([{ number: 1 }])).findings).toEqual([]);
  const { findings, lineage } = await look([{ number: 1, status: { clusterId: "c2" } }]);
  expect(lineage).toMatchObject({ number: 2, opens: { reason: "cluster-id-changed" } });
  expect(findings[0]).toMatchObject({
    code: "new-lineage",
    severity: "problem",
    subject: "prod",
    message: saying("now answer as etcd cluster c2"),
  });
  expect(vault.blobs.objects.has(lineageKey(CLUSTER, 2))).toBe(false);
});

test("a lineage that nobody accepted is a problem at each look, also where etcd cannot be reached; so is something in the place of one", async () => {
  await backUp(vault);
  vault.clock.advance(60_000);
  await backUp(vault, {
    etcd: new ScriptedEtcd([{ number: 1, status: { clusterId: "c2" }, snapshots: [[{ send: randomSnapshot(1000) }]] }]),
  });
  const unaccepted = {
    code: "lineage-unaccepted",
    severity: "problem",
    subject: "prod",
    message:
      "lineage 2 of prod is not accepted: the endpoints of prod now answer as etcd cluster c2, before it was c1 (since 2026-11-21T10:01:00.000Z)",
    fix: saying("lifeboat lineage accept prod 2 --reason"),
  };
  const there = await look([{ number: 1, status: { clusterId: "c2" } }]);
  expect(there).toMatchObject({ lineageAttention: { number: 2, reason: "cluster-id-changed" }, findings: [unaccepted] });
  expect((await look([{ number: 1, status: down }])).findings).toMatchObject([unaccepted, { code: "endpoint-unreachable" }]);
  plant(vault, lineageKey(CLUSTER, 5), "{}");
  expect(await codes([{ number: 1, status: { clusterId: "c2" } }])).toEqual(["lineage-unaccepted", "lineage-unbelieved"]);
  await acceptLineage(vault, { cluster: CLUSTER, number: 2, reason: "moved" });
  expect(await codes([{ number: 1, status: { clusterId: "c2" } }])).toEqual(["lineage-unbelieved"]);
});

test("a store that cannot be read is an error, but where etcd cannot be reached either", async () => {
  const error = new LifeboatError("store/failed", "the disk is gone", { hint: "look at it" });
  vault.blobs.inject({ call: "list", key: /./, times: Infinity, fault: { kind: "error", error } });
  expect(await failureOf(look([{ number: 1 }]))).toMatchObject({ code: "store/failed" });
  expect((await look([{ number: 1, status: down }])).findings).toMatchObject([
    { code: "lineage-unknown", severity: "warning", message: saying("the disk is gone"), fix: "look at it" },
    { code: "endpoint-unreachable" },
  ]);
});

test("the signal ends it", async () => {
  expect(await failureOf(look([{ number: 1 }], AbortSignal.abort()))).toMatchObject({ code: "interrupted" });
});

test("of all certificates the end of the first counts, whether a server's or the client's own", async () => {
  const result = await look([{ number: 1 }, { number: 2, status: down }]);
  const [first] = result.endpoints;
  if (first === undefined) throw new Error("no endpoint");
  const until = (notAfter: string) => ({ subject: "CN=x", notBefore: new Date(0), notAfter: new Date(notAfter) });
  expect(certificatesEnd(result)).toEqual(new Date("2036-01-01"));
  const clientCertificate = until("2031-01-01");
  expect(certificatesEnd({ ...result, clientCertificate })).toEqual(new Date("2031-01-01"));
  const endpoints = [
    { ...first, certificate: until("2030-01-01") },
    { ...first, certificate: down },
  ];
  expect(certificatesEnd({ ...result, endpoints, clientCertificate })).toEqual(new Date("2030-01-01"));
  expect(certificatesEnd({ ...result, endpoints: [{ ...first, certificate: undefined }] })).toBeUndefined();
});
