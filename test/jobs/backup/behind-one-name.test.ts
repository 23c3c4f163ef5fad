import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../shared/errors.ts";
import { preflight } from "../../../shared/jobs/preflight.ts";
import type { PreflightResult } from "../../../shared/jobs/preflight.ts";
import { requireContentAsRecorded } from "../../../shared/jobs/verify/require-content.ts";
import { SnapshotScanner } from "../../../shared/snapshot/scan.ts";
import { BehindOneName, ONE_NAME } from "../../doubles/behind-one-name.ts";
import type { Spreading } from "../../doubles/behind-one-name.ts";
import { ScriptedEtcd } from "../../doubles/scripted-etcd.ts";
import type { HashKvAnswer, ScriptedMember } from "../../doubles/scripted-etcd.ts";
import { saying } from "../../support/matchers.ts";
import { hashKvOf, randomSnapshot } from "../../support/snapshots.ts";
import { useVault } from "../../support/use-vault.ts";
import { backUp, CLUSTER, newVault, POLICY } from "../../support/vaults.ts";

/** Several members at one endpoint: an etcd grpc-proxy, a proxy of calls, a balancer of connections. m1 is the leader. */

const { keys, vault } = useVault();

const good = randomSnapshot(1000);
const other = randomSnapshot(1000);
const DIFFERS = hashKvOf(other);
const sends = { snapshots: [[{ send: good }]] };
const says = (...hashes: HashKvAnswer[]): Pick<ScriptedMember, "hashes"> => ({ hashes });

/** Members 1 to 3, of which `numbers` take turns behind the name. */
function behind(
  spreading: Spreading,
  { numbers = [2, 3, 1], ...said }: { readonly numbers?: readonly number[]; readonly [number: number]: Partial<ScriptedMember> } = {},
): BehindOneName {
  return new BehindOneName(new ScriptedEtcd([1, 2, 3].map((number) => ({ number, ...sends, ...said[number] }))), spreading, numbers);
}

const look = (etcd: BehindOneName, voters?: number): Promise<PreflightResult> =>
  preflight({ ...vault, etcd, policy: { ...POLICY, voters } }, CLUSTER);
const told = ({ findings }: PreflightResult): readonly (readonly string[])[] =>
  findings.map(({ severity, code, message }) => [severity, code, message]);
/** Followers first, the leader first, one member down. */
const everyTurn: readonly (readonly number[])[] = [
  [2, 3, 1],
  [1, 2, 3],
  [2, 3],
  [1, 2],
];

describe.each<Spreading>(["grpc-proxy", "calls", "connections"])("through %s", (spreading) => {
  test.each(everyTurn.map((numbers) => [numbers]))(
    "a quorum is proven, and nobody hashes twice, whoever takes turns: %j",
    async (numbers) => {
      const etcd = behind(spreading, { numbers });
      const { manifest } = await backUp(vault, { etcd, voters: 3 });
      expect(manifest.proof).toMatchObject({ status: "proven", voters: 3, needed: 2 });
      const ids = manifest.proof.members.filter(({ answer }) => answer === "agrees").map(({ id }) => id);
      expect(new Set(ids).size).toBe(2);
      expect(etcd.hashed).toHaveLength(2);
      expect(manifest.etcd.source).toEqual({ memberId: "0", name: "", endpoint: ONE_NAME, version: "3.6.16", isLeader: false });
      const scanner = new SnapshotScanner();
      scanner.update(good);
      requireContentAsRecorded(manifest, scanner.finish());
    },
  );

  test("the leader is asked only where a quorum cannot be had without it", async () => {
    const followers = behind(spreading, { numbers: [1, 2, 3] });
    await backUp(vault, { etcd: followers, voters: 3 });
    expect(followers.hashed).not.toContain("hashKv 1");
    const leader = behind(spreading, { numbers: [1, 2] });
    await backUp(vault, { etcd: leader, voters: 3, slot: "2026-11-21T09:00:00Z" });
    expect(leader.hashed).toEqual(["hashKv 2", "hashKv 1"]);
  });

  test("a dissenter is named by its id, and the quorum proves", async () => {
    const { manifest } = await backUp(vault, { etcd: behind(spreading, { 2: says(DIFFERS) }), voters: 3 });
    expect(manifest.proof).toMatchObject({ status: "proven" });
    expect(manifest.proof.members).toContainEqual(expect.objectContaining({ id: "a2", answer: "dissents" }));
    expect(vault.progress.warnings).toContainEqual(saying(`${spreading === "grpc-proxy" ? "a2" : "m2"} dissents`));
  });

  test("a snapshot that a quorum contradicts is dropped, and another one is asked for", async () => {
    // The turn of the first stream is known only to the double: one of the three sends what nobody holds, once.
    const holds = { hashes: [hashKvOf(good)] };
    for (const liar of [1, 2, 3]) {
      const wrong = { snapshots: [[{ send: other }], [{ send: good }]], ...holds };
      const etcd = behind(spreading, { 1: holds, 2: holds, 3: holds, [liar]: wrong });
      const { manifest } = await backUp(newVault(keys), { etcd, voters: 3 });
      expect(manifest.proof).toMatchObject({ status: "proven" });
      expect(manifest.quarantine).toBeUndefined();
    }
  });

  test("preflight knows it, and advises to remove or add nothing", async () => {
    const result = await look(behind(spreading), 3);
    expect(told(result)).toEqual([["info", spreading === "grpc-proxy" ? "grpc-proxy" : "balancer", saying("answered")]]);
    expect(result.plan?.sources[0]).toMatchObject({ name: "", status: { memberId: "0", endpoint: ONE_NAME } });
    expect(JSON.stringify(result.findings)).not.toMatch(/remove the endpoint|to endpoints/);
  });
});

describe("a grpc-proxy", () => {
  test("hides how many vote: unproven, with what to do, and preflight says so before", async () => {
    const etcd = behind("grpc-proxy");
    const { manifest } = await backUp(vault, { etcd });
    expect(manifest.proof).toMatchObject({
      status: "unproven",
      voters: 0,
      reason: "the number of voters is not known behind a grpc-proxy; give `voters` in the configuration",
    });
    expect(etcd.hashed).toHaveLength(3);
    expect(manifest.etcd.members).toEqual([]);
    expect(told(await look(behind("grpc-proxy")))[0]).toEqual(["problem", "unproven-ahead", saying("behind a grpc-proxy")]);
  });

  test("needs no number where one member is enough", async () => {
    const { manifest } = await backUp(vault, { etcd: behind("grpc-proxy"), agreement: "one" });
    expect(manifest.proof).toMatchObject({ status: "proven", needed: 1 });
  });

  test("that reaches one member of three proves nothing, and asks it once", async () => {
    const etcd = behind("grpc-proxy", { numbers: [2] });
    const { manifest } = await backUp(vault, { etcd, voters: 3 });
    expect(manifest.proof).toMatchObject({ status: "unproven", reason: saying("1 of 3 voting members confirmed it, and 2 are needed") });
    expect(etcd.hashed).toEqual(["hashKv 2"]);
    expect(told(await look(behind("grpc-proxy", { numbers: [2] }), 3))[0]).toEqual([
      "problem",
      "unproven-ahead",
      saying("needs 2 of 3 voting members, and the configured endpoints lead to 1"),
    ]);
  });

  test("with more members behind it than voters says: they count, and the number is a problem", async () => {
    const { manifest } = await backUp(vault, { etcd: behind("grpc-proxy"), voters: 1 });
    expect(manifest.proof).toMatchObject({ status: "proven", voters: 3, needed: 2 });
    expect(told(await look(behind("grpc-proxy"), 1))[0]).toEqual([
      "problem",
      "voters-differ",
      saying("voters is 1, and 3 different members"),
    ]);
  });

  test("whose members differ by turns of other clients is asked nine times at most", async () => {
    // Whatever was seen of the turns is wrong at the next call.
    const etcd = behind("grpc-proxy", { numbers: [2, 3, 3, 2, 2, 3, 2, 2, 2, 3, 3, 2, 3] });
    const { manifest } = await backUp(vault, { etcd, voters: 5 });
    expect(manifest.proof).toMatchObject({ status: "unproven" });
    expect(
      manifest.proof.members
        .filter(({ answer }) => answer === "agrees")
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(["a2", "a3"]);
    expect(etcd.hashed.length).toBeLessThanOrEqual(2 + 8);
  });
});

describe("a load balancer", () => {
  test("before members of different clusters: they are told apart, and nothing is taken", async () => {
    const etcd = behind("connections", { 3: { status: { clusterId: "c2" } } });
    expect(told(await look(etcd))[0]).toEqual(["problem", "clusters-differ", saying("c2 at")]);
    await expect(backUp(vault, { etcd })).rejects.toMatchObject({ code: "etcd/cluster-mismatch" });
  });

  test("one of whose members refuses connections: the others are asked", async () => {
    const status = new LifeboatError("etcd/unreachable", "the way is cut");
    // Last, in between, and first.
    for (const numbers of [
      [2, 1, 3],
      [2, 3, 1],
      [3, 2, 1],
    ]) {
      const { manifest } = await backUp(newVault(keys), { etcd: behind("connections", { numbers, 3: { status } }) });
      expect(manifest.proof).toMatchObject({ status: "proven", voters: 3, needed: 2 });
    }
  });

  test("one of whose members may not be asked for HashKV: the others are, and its reason stands beside them", async () => {
    const denied = new LifeboatError("etcd/denied", "the role root is needed");
    const etcd = behind("connections", { 2: says(denied) });
    const { manifest } = await backUp(vault, { etcd, agreement: "all" });
    expect(manifest.proof).toMatchObject({ status: "unproven" });
    expect(manifest.proof.members).toContainEqual({ id: "a2", name: "m2", answer: "unavailable", reason: "the role root is needed" });
  });

  test("that always leads to the same member is taken for that member", async () => {
    const etcd = behind("connections", { numbers: [2] });
    const result = await look(etcd);
    expect(result.plan?.sources.map(({ name }) => name)).toEqual(["m2"]);
    expect(told(result)[0]).toEqual([
      "problem",
      "unproven-ahead",
      saying("needs 2 of 3 voting members, and the configured endpoints lead to 1"),
    ]);
  });
});
