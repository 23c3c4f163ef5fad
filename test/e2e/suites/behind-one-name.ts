import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Security } from "../../../tools/lab/cluster-security.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import { startGrpcProxy } from "../../../tools/lab/grpc-proxy.ts";
import { runProgram } from "../../../tools/lab/run-program.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { raiseNoSpace } from "../../etcd/support/raise-no-space.ts";
import { tcpBalancer } from "../../etcd/support/tcp-balancer.ts";
import { saying } from "../../support/matchers.ts";
import { newPlace } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";

const preflightSchema = z.object({
  chosen: z.object({ memberId: z.string(), name: z.string() }),
  endpoints: z.array(z.object({ kind: z.string(), answeredBy: z.array(z.string()) })),
  findings: z.array(z.object({ code: z.string(), fix: z.string() })),
});
const backupSchema = z.object({ id: z.string(), proof: z.string(), member: z.object({ id: z.string(), name: z.string() }) });

/** The real command before a real cluster of three that has one name: an etcd grpc-proxy, and a balancer of connections. */
export function suiteBehindOneName(version: EtcdVersion, security: Security): void {
  describe(`etcd ${version}, ${security}`, () => {
    let cluster: EtcdCluster;
    let folder: TemporaryFolder;
    beforeAll(async () => {
      cluster = await startCluster({ version, members: 3, security });
      folder = await temporaryFolder();
      await cluster.etcdctl(["put", "/registry/pods/a", "b"]);
    });
    afterAll(async () => {
      await cluster.stop();
      await folder.remove();
    });
    // One test takes a member down.
    beforeEach(async () => {
      for (const member of cluster.members) {
        if (!member.isRunning) await member.start({ wait: false });
        await member.ready();
      }
    });

    test("a grpc-proxy: recognised, unproven as long as nobody says how many vote, then proven by distinct members", async () => {
      await using proxy = await startGrpcProxy(cluster);
      const place = await newPlace(cluster, folder.path, "proxy", { endpoints: [proxy.url] });
      const before = await preflightOf(place, 6);
      expect(before.findings.map(({ code }) => code)).toEqual(expect.arrayContaining(["grpc-proxy", "unproven-ahead"]));
      expect(before.endpoints.map(({ kind }) => kind)).toEqual(["grpc-proxy"]);
      expect(new Set(before.endpoints[0]?.answeredBy).size).toBe(3);
      expect(before.chosen).toMatchObject({ memberId: "0", name: "" });
      const unproven = await backupOf(place, 6);
      expect(unproven.proof).toBe("unproven: the number of voters is not known behind a grpc-proxy; give `voters` in the configuration");

      await place.edit("lifeboat.yaml", (text) => text.replace("# voters: 3", "voters: 3"));
      expect((await preflightOf(place, 0)).findings.map(({ code }) => code)).toContain("grpc-proxy");
      const hashed = await hashesOf(cluster);
      await expectProven(place, cluster, "0");
      const after = await hashesOf(cluster);
      // A quorum for the backup, and one for its verification. The proxy's own calls may turn a question to a member that was asked already, which is in vain: once for each.
      const counts = cluster.members.map(({ name }) => (after.get(name) ?? 0) - (hashed.get(name) ?? 0));
      expect(counts.filter((count) => count > 0).length).toBeGreaterThanOrEqual(2);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(6);

      const [follower] = await cluster.followers();
      await follower?.kill();
      await expectProven(place, cluster, "0");
    });

    test("a load balancer of connections: proven by a quorum, also with a member down", async () => {
      await using balancer = await tcpBalancer(cluster.endpoints);
      const place = await newPlace(cluster, folder.path, "balancer", { endpoints: [balancer.url] });
      const { findings, endpoints } = await preflightOf(place, 0);
      expect(findings.map(({ code }) => code)).toContain("balancer");
      expect(JSON.stringify(findings)).not.toMatch(/remove the endpoint|to endpoints/);
      expect(endpoints.map(({ kind }) => kind)).toEqual(["balancer"]);
      const hashed = await hashesOf(cluster);
      await expectProven(place, cluster, "0");
      const leader = await cluster.leader();
      expect((await hashesOf(cluster)).get(leader.name)).toBe(hashed.get(leader.name));

      const [follower] = await cluster.followers();
      await follower?.kill();
      await expectProven(place, cluster, "0");
    });

    test("a NOSPACE alarm: preflight and backup warn of it, the manifest has it, show and export say that a restore must disarm it", async () => {
      const place = await newPlace(cluster, folder.path, "full");
      const [memberId = ""] = (await cluster.etcdctl(["member", "list"])).trim().split(", ");
      await raiseNoSpace(cluster, memberId);
      try {
        expect((await preflightOf(place, 0)).findings.map(({ code }) => code)).toContain("nospace");
        const taken = await place.here("backup", "prod", "--json");
        expect(taken).toMatchObject({ code: 0, stderr: saying("etcdctl alarm disarm") });
        const { id, alarms } = z.object({ id: z.string(), alarms: z.array(z.unknown()) }).parse(JSON.parse(taken.stdout));
        expect(alarms).toEqual([{ memberId, alarm: "NOSPACE" }]);
        const told = saying(`prod/${id} holds a NOSPACE alarm (of member ${memberId})`);
        expect(await place.here("show", `prod/${id}`)).toMatchObject({ stderr: told, stdout: saying(`NOSPACE on ${memberId}`) });
        expect(await place.here("export", `prod/${id}`, "--unverified", "--out", "full.db")).toMatchObject({ code: 0, stderr: told });
        expect(await place.here("verify", `prod/${id}`, "--deep")).toMatchObject({ code: 0 });
      } finally {
        await cluster.etcdctl(["alarm", "disarm"]);
      }
    });

    async function preflightOf(place: Place, exitCode: number): Promise<z.infer<typeof preflightSchema>> {
      const { code, stdout, stderr } = await place.here("preflight", "prod", "--json");
      expect(`${code}: ${stderr}${stdout}`).toMatch(new RegExp(`^${exitCode}: `));
      return preflightSchema.parse(JSON.parse(stdout));
    }

    async function backupOf(place: Place, exitCode: number): Promise<z.infer<typeof backupSchema>> {
      const { code, stdout, stderr } = await place.here("backup", "prod", "--json");
      expect(`${code}: ${stderr}`).toMatch(new RegExp(`^${exitCode}: `));
      return backupSchema.parse(JSON.parse(stdout));
    }

    /** A backup that is proven, verified deep, and whose export etcdutl restores with its hash check. */
    async function expectProven(place: Place, { programs }: EtcdCluster, memberId: string): Promise<void> {
      // Two members of an idle cluster may send the same bytes, and lifeboat refuses the second of such snapshots (docs/threat-model.md). A cluster in use is written to.
      await cluster.etcdctl(["put", "expect-proven", String(performance.now())]);
      const { id, proof, member } = await backupOf(place, 0);
      expect(proof).toBe("proven");
      expect(member).toEqual({ id: memberId, name: "" });
      expect(await place.here("verify", `prod/${id}`, "--deep")).toMatchObject({ code: 0 });
      expect(await place.here("show", `prod/${id}`)).toMatchObject({ code: 0, stdout: saying("a member behind a proxy or load balancer") });
      expect(await place.here("export", `prod/${id}`, "--out", `${id}.db`)).toMatchObject({ code: 0 });
      const env = { PATH: process.env["PATH"] };
      await runProgram(programs.etcdutl, ["snapshot", "restore", place.path(`${id}.db`), "--data-dir", join(place.path("restored"), id)], {
        env,
      });
    }
  });
}

/** How often each member hashed its keys for somebody, by its own count. */
async function hashesOf(cluster: EtcdCluster): Promise<ReadonlyMap<string, number>> {
  const counts = cluster.members.map(async ({ name, metricsUrl }): Promise<[string, number]> => {
    const text = await (await fetch(`${metricsUrl}/metrics`)).text();
    const [, count = "0"] = /^grpc_server_handled_total\{grpc_code="OK",grpc_method="HashKV".*\} (\d+)$/m.exec(text) ?? [];
    return [name, Number(count)];
  });
  return new Map(await Promise.all(counts));
}
