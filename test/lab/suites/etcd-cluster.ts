import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { skipWithout } from "../../support/programs.ts";
import { openClient } from "../../../tools/lab/connection.ts";
import { startCluster, startFrom } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { ETCD_VERSIONS, etcdPrograms } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import { fillWithKubernetesData } from "../../../tools/lab/kubernetes-data.ts";
import { compareKeys, readAll } from "../../../tools/lab/read-all.ts";
import { restore } from "../../../tools/lab/restore.ts";
import { until } from "../../../tools/lab/until.ts";

const SLOW_MS = 60_000;

async function memberNames(cluster: EtcdCluster): Promise<readonly string[]> {
  const list = await cluster.etcdctl(["member", "list"]);
  return list
    .trim()
    .split("\n")
    .map((line) => line.split(", ")[2] ?? "");
}

async function value(cluster: EtcdCluster, key: string): Promise<string> {
  return (await cluster.etcdctl(["get", key, "--print-value-only"])).trim();
}

export function labVersionTests(versions: readonly EtcdVersion[]): void {
  describe.each(versions)("etcd %s", (version) => {
    describe.skipIf(skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined))("of the lab", { timeout: SLOW_MS }, () => {
      // test/e2e/versions.test.ts uses each of them with every etcd.
      test.each(version === ETCD_VERSIONS.at(-1) ? (["plain", "tls", "password", "certificate"] as const) : ([] as const))(
        "one member, %s: takes writes from those who may, and leaves nothing",
        async (security) => {
          const cluster = await startCluster({ version, security });
          try {
            expect(await memberNames(cluster)).toEqual(["m1"]);
            await cluster.etcdctl(["put", "ship"], { input: "lifeboat" });
            expect(await value(cluster, "ship")).toBe("lifeboat");
            const client = openClient(cluster.connection);
            expect(await client.get("ship").string()).toBe("lifeboat");
            client.close();
            const stranger = openClient({
              ...cluster.connection,
              ...(security !== "plain" && { tls: { ca: cluster.authority?.certificate ?? "" } }),
              auth: undefined,
            });
            const asked = stranger.get("ship").string();
            if (security === "plain") expect(await asked).toBe("lifeboat");
            else
              await expect(asked).rejects.toThrow(security === "password" ? /user name is empty/ : /bad certificate|certificate required/);
            stranger.close();
          } finally {
            await cluster.stop();
          }
          expect(cluster.members.map((member) => member.isRunning)).toEqual([false]);
          expect(existsSync(cluster.folder)).toBe(false);
        },
      );

      test("three members and a learner: a snapshot of Kubernetes-shaped data restores to the same keys", async () => {
        await using cluster = await startCluster({ version, members: 3, security: "tls", learner: true });
        expect(await memberNames(cluster)).toEqual(expect.arrayContaining(["m1", "m2", "m3", "learner"]));
        const filled = await fillWithKubernetesData(cluster.connection, { megabytes: 0.5 });
        expect(filled.revision).toBeGreaterThan(filled.keys);

        const snapshot = join(cluster.folder, "snapshot.db");
        await cluster.etcdctl(["snapshot", "save", snapshot], { endpoints: cluster.endpoints.slice(1, 2) });
        await using restored = await startFrom(await restore(version, snapshot, cluster.folder));
        const comparison = await compareKeys(readAll(cluster.connection), readAll(restored.connection));
        expect(comparison).toEqual({ same: filled.keys, differences: [] });
      });
    });
  });
}

export function labClusterTests(): void {
  describe.skipIf(skipWithout("etcd-3.6", etcdPrograms("3.6") !== undefined))("a cluster of the lab", { timeout: SLOW_MS }, () => {
    let cluster: EtcdCluster;
    beforeAll(async () => {
      cluster = await startCluster({ version: "3.6", members: 3, security: "tls" });
    }, SLOW_MS);
    afterAll(() => cluster.stop());

    test("goes on without a member that was killed, which comes back with what it missed", async () => {
      const [follower] = await cluster.followers();
      const pid = follower?.pid;
      await follower?.kill();
      expect(follower?.isRunning).toBe(false);
      expect(() => follower?.pid).toThrow(`${follower?.name} does not run`);
      await cluster.etcdctl(["put", "missed", "yes"]);
      await follower?.start();
      expect(follower?.pid).not.toBe(pid);
      expect((await cluster.etcdctl(["get", "missed", "--print-value-only"], { endpoints: [follower?.endpoint ?? ""] })).trim()).toBe(
        "yes",
      );
    });

    test("finds another leader when its leader is stopped", async () => {
      const before = await cluster.leader();
      await before.stop();
      const after = await until("another leader", SLOW_MS, async () => {
        const leader = await cluster.leader();
        return leader !== before && leader;
      });
      expect(after.name).not.toBe(before.name);
      await before.start();
      expect(await Promise.all(cluster.members.map((member) => member.isHealthy()))).toEqual([true, true, true]);
    });

    test("has a member that does not answer while it is paused", async () => {
      const [follower] = await cluster.followers();
      if (follower === undefined) throw new Error("no follower");
      await follower.pause();
      expect(follower.isRunning).toBe(true);
      const ask = cluster.etcdctl(["get", "missed", "--command-timeout=300ms"], { endpoints: [follower.endpoint] });
      await expect(ask).rejects.toThrow(/deadline exceeded/);
      follower.resume();
      await follower.ready();
      expect(await follower.isHealthy()).toBe(true);
    });

    test("keeps its client's key from others", async () => {
      expect((await stat(cluster.files.key ?? "")).mode & 0o777).toBe(0o600);
      expect(new X509Certificate(await readFile(cluster.files.cert ?? "")).subject).toBe("CN=lifeboat");
    });

    test("tells which keys differ", async () => {
      await cluster.etcdctl(["put", "only-now", "1"]);
      const later = readAll(cluster.connection);
      const { header } = JSON.parse(await cluster.etcdctl(["get", "only-now", "-w", "json"])) as { header: { revision: number } };
      const comparison = await compareKeys(readAll(cluster.connection, { revision: header.revision - 1 }), later);
      expect(comparison.differences).toEqual(['"only-now" is missing in the first']);
    });
  });

  describe.skipIf(skipWithout("etcd-3.6", etcdPrograms("3.6") !== undefined))(
    "servers' certificates of the lab",
    { timeout: SLOW_MS },
    () => {
      test("may hold another name only", async () => {
        await using cluster = await startCluster({ version: "3.6", security: "tls", serverName: "etcd.example.com" });
        const { tls, endpoints } = cluster.connection;
        expect(tls?.serverName).toBe("etcd.example.com");
        const client = openClient(cluster.connection);
        expect(await client.get("nothing")).toBe(null);
        client.close();
        const wrong = openClient({ endpoints, tls: { ca: tls?.ca ?? "", cert: tls?.cert, key: tls?.key } });
        await expect(wrong.get("nothing")).rejects.toThrow(/does not match certificate's altnames/);
        wrong.close();
        expect(await memberNames(cluster)).toEqual(["m1"]);
      });

      test("may have expired", async () => {
        const hour = 3_600_000;
        const serverValidity = { notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) };
        await using cluster = await startCluster({ version: "3.6", security: "password", serverValidity });
        expect(await memberNames(cluster)).toEqual(["m1"]);
        const { hostname: host, port } = new URL(cluster.endpoints[0] ?? "");
        const socket = connect({ host, port: Number(port), ca: cluster.connection.tls?.ca });
        const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
        expect(error.code).toBe("CERT_HAS_EXPIRED");
      });
    },
  );
}
