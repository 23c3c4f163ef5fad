import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { etcdPrograms, requireEtcd } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import type { Security } from "../../../tools/lab/cluster-security.ts";
import { startCluster, type EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { runProgram } from "../../../tools/lab/run-program.ts";
import { until } from "../../../tools/lab/until.ts";
import { skipWithout } from "../../support/programs.ts";
import { drain, trailerMatches } from "../support/drain.ts";
import { LIMITS, sourceOf } from "../support/source-of.ts";

export interface Case {
  readonly version: EtcdVersion;
  readonly security: Security;
  readonly members: 1 | 3;
}

/** One of each version has three members: what a cluster of one cannot show does not depend on how we are let in. */
export function casesOf(version: EtcdVersion, securities: readonly Security[]): readonly Case[] {
  return securities.map((security) => ({ version, security, members: security === "tls" ? 3 : 1 }));
}

export function realEtcdTests(cases: readonly Case[]): void {
  describe.each(cases)("etcd $version, $security, $members member(s)", ({ version, security, members }) => {
    const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);
    let cluster: EtcdCluster;

    beforeAll(async () => {
      if (isMissing) return;
      cluster = await startCluster({ version, security, members });
      await cluster.etcdctl(["put", "/registry/configmaps/default/a", "one"]);
      await cluster.etcdctl(["put", "/registry/configmaps/default/a", "two"]);
      await cluster.etcdctl(["put", "/registry/configmaps/default/big"], { input: "x".repeat(1_000_000) });
      await settled(cluster);
    });

    afterAll(async () => {
      if (!isMissing) await cluster.stop();
    });

    test.skipIf(isMissing)("each member tells its status as etcdctl prints it", async () => {
      using source = sourceOf(cluster.connection);
      const lines = await cluster.etcdctl(["endpoint", "status", "-w", "json"]);
      const printed = new Map(parseStatuses(lines).map((each) => [each.endpoint, each]));
      for (const endpoint of cluster.endpoints) {
        const status = await source.status(endpoint);
        const expected = printed.get(endpoint);
        expect(status).toMatchObject({
          endpoint,
          memberId: expected?.memberId,
          clusterId: expected?.clusterId,
          leaderId: expected?.leaderId,
          revision: expected?.revision,
          databaseBytes: expected?.databaseBytes,
          isLearner: false,
          alarms: [],
          errors: [],
        });
        expect(status.version.startsWith(`${version}.`)).toBe(true);
        expect(status.raftAppliedIndex).toBeGreaterThan(0);
        expect(status.raftAppliedIndex).toBeLessThanOrEqual(status.raftIndex);
        expect(status.raftTerm).toBeGreaterThan(0);
        expect(status.latencyMs).toBeGreaterThan(0);
      }
      const ids = await Promise.all(cluster.endpoints.map(async (endpoint) => (await source.status(endpoint)).memberId));
      expect(new Set(ids).size).toBe(members);
    });

    test.skipIf(isMissing)("each member lists all, with the ids that the statuses tell", async () => {
      using source = sourceOf(cluster.connection);
      for (const endpoint of cluster.endpoints) {
        const listed = await source.members(endpoint);
        expect(
          listed.map(({ name, clientUrls, isLearner }) => ({ name, clientUrls, isLearner })).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
        ).toEqual(cluster.members.map(({ name, endpoint: url }) => ({ name, clientUrls: [url], isLearner: false })));
        expect(listed.map(({ id }) => id)).toContain((await source.status(endpoint)).memberId);
      }
    });

    test.skipIf(isMissing)("a snapshot is granted", async () => {
      using source = sourceOf(cluster.connection);
      for (const endpoint of cluster.endpoints) {
        await expect(source.checkPermission(endpoint)).resolves.toBeUndefined();
      }
    });

    test.skipIf(isMissing)("the question for the permission hashes nothing", async () => {
      using source = sourceOf(cluster.connection);
      const [member] = cluster.members;
      if (member === undefined) throw new Error("no member");
      const hashed = async (): Promise<number> => {
        const metrics = await (await fetch(`${member.metricsUrl}/metrics`)).text();
        return Number(/^etcd_mvcc_hash_rev_duration_seconds_count (\d+)$/m.exec(metrics)?.[1]);
      };
      await cluster.etcdctl(["endpoint", "hashkv"], { endpoints: [member.endpoint] });
      const before = await hashed();
      expect(before).toBeGreaterThan(0);
      await source.checkPermission(member.endpoint);
      expect(await hashed()).toBe(before);
    });

    test.skipIf(isMissing)("the snapshot has etcd's trailer and the same content as etcdctl's", async () => {
      using source = sourceOf(cluster.connection);
      const endpoint = cluster.endpoints.at(-1) ?? "";
      const ours = await drain(source.snapshot(endpoint, LIMITS));
      expect(trailerMatches(ours)).toBe(true);
      expect(ours.length % 512).toBe(32);
      const files = [join(cluster.folder, "ours.db"), join(cluster.folder, "theirs.db")] as const;
      await writeFile(files[0], ours);
      await cluster.etcdctl(["snapshot", "save", files[1]], { endpoints: [endpoint] });
      expect(ours.length).toBe((await readFile(files[1])).length);
      const [mine, theirs] = await Promise.all(files.map((file) => contentOf(cluster, file)));
      expect(mine).toEqual(theirs);
      expect(mine?.["hash"]).toEqual(expect.any(Number));
      expect(mine?.["revision"]).toBe(4);
    });

    test.skipIf(isMissing)("certificates: the server's over TLS, the client's own where there is one", async () => {
      using source = sourceOf(cluster.connection);
      const endpoint = cluster.endpoints[0] ?? "";
      const server = await source.serverCertificate(endpoint);
      if (security === "plain") expect(server).toBeUndefined();
      else {
        expect(server?.subject).toBe("CN=127.0.0.1");
        expect(server?.notAfter.getTime()).toBeGreaterThan(Date.now());
        expect(server?.notBefore.getTime()).toBeLessThan(Date.now());
      }
      expect(source.clientCertificate()?.subject).toBe(
        { plain: undefined, password: undefined, tls: "CN=lifeboat", certificate: "CN=root" }[security],
      );
    });
  });
}

/** Followers apply a write some moments after its answer, and a member's database grows when it next commits, which a snapshot makes it do. */
async function settled(cluster: EtcdCluster): Promise<void> {
  using source = sourceOf(cluster.connection);
  for (const endpoint of cluster.endpoints) {
    await until(`${endpoint} at revision 4`, 30_000, async () => (await source.status(endpoint)).revision === 4);
    await drain(source.snapshot(endpoint, LIMITS));
  }
}

/**
 * What etcdutl says of a snapshot's content. With a password every client's log-in goes through raft and changes the bucket of meta data, and so the hash
 * over all buckets: there the keys' own hash takes its place.
 */
async function contentOf(cluster: EtcdCluster, file: string): Promise<Record<string, unknown>> {
  const run = async (etcdutl: string, ...args: string[]): Promise<Record<string, unknown>> =>
    JSON.parse(await runProgram(etcdutl, [...args, file, "-w", "json"], { env: { PATH: process.env["PATH"] } })) as Record<string, unknown>;
  const status = await run(cluster.programs.etcdutl, "snapshot", "status");
  if (cluster.connection.auth === undefined) return status;
  const { hash } = await run(requireEtcd("3.6").etcdutl, "hashkv");
  return { ...status, hash };
}

interface PrintedStatus {
  readonly endpoint: string;
  readonly memberId: string;
  readonly clusterId: string;
  readonly leaderId: string;
  readonly revision: number;
  readonly databaseBytes: number;
}

/** 64-bit ids are JSON numbers in etcdctl's output, too large for JavaScript's: they are quoted before they are parsed. */
function parseStatuses(text: string): readonly PrintedStatus[] {
  const quoted = text.replaceAll(/"(cluster_id|member_id|leader)":(\d+)/g, '"$1":"$2"');
  const list = JSON.parse(quoted) as readonly {
    readonly Endpoint: string;
    readonly Status: {
      readonly header: { cluster_id: string; member_id: string; revision: number };
      readonly dbSize: number;
      readonly leader: string;
    };
  }[];
  const hex = (decimal: string): string => BigInt(decimal).toString(16);
  return list.map(({ Endpoint, Status: { header, dbSize, leader } }) => ({
    endpoint: Endpoint,
    memberId: hex(header.member_id),
    clusterId: hex(header.cluster_id),
    leaderId: hex(leader),
    revision: header.revision,
    databaseBytes: dbSize,
  }));
}
