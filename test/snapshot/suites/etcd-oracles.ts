import { randomInt } from "node:crypto";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WholeScan } from "../../../shared/snapshot/scan-result.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { etcdPrograms } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import { runProgram } from "../../../tools/lab/run-program.ts";
import { until } from "../../../tools/lab/until.ts";
import { skipWithout } from "../../support/programs.ts";
import { raiseNoSpace } from "../../etcd/support/raise-no-space.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { facts, wholeScan } from "../support/scanned.ts";
import { work } from "../support/workload.ts";

const CHUNKS = [4 << 20, 32_768, 4097, 1_000_003];
/** Another one each time; what failed is had again by setting it. */
const seed = randomInt(2 ** 32);

/** Compactions take 10 ms for each revision: a snapshot is easily taken while one is under way. */
function slowCompactions(version: EtcdVersion): readonly string[] {
  return [`--${version === "3.4" || version === "3.5" ? "experimental-" : ""}compaction-batch-limit=1`];
}

export function etcdOraclesTests(version: EtcdVersion): void {
  describe(`etcd ${version}`, () => {
    const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);
    let cluster: EtcdCluster;
    let snapshots = 0;

    beforeAll(async () => {
      if (!isMissing) cluster = await startCluster({ version, security: "password", flags: slowCompactions(version) });
    });

    afterAll(async () => {
      if (!isMissing) await cluster.stop();
    });

    async function saved(): Promise<{ path: string; bytes: Buffer; scan: WholeScan }> {
      const path = join(cluster.folder, `${++snapshots}.db`);
      await cluster.etcdctl(["snapshot", "save", path]);
      const bytes = await readFile(path);
      return { path, bytes, scan: wholeScan(bytes) };
    }

    async function etcdutl(of: "3.5" | "3.6" | "3.7", args: readonly string[]): Promise<Record<string, unknown>> {
      const programs = etcdPrograms(of);
      if (programs === undefined) throw new Error(`etcdutl ${of} is not here`);
      const printed: unknown = JSON.parse(
        await runProgram(programs.etcdutl, [...args, "-w", "json"], { env: { PATH: process.env["PATH"] } }),
      );
      // A JSON object, by etcdutl's own contract.
      return printed as Record<string, unknown>;
    }

    async function matchesStatus(path: string, scan: WholeScan): Promise<void> {
      const totalKeys = { "3.5": scan.buckets.reduce((sum, { keys }) => sum + keys, 0), "3.6": scan.keys.live, "3.7": scan.keys.live };
      for (const minor of ["3.5", "3.6", "3.7"] as const) {
        const status = await etcdutl(minor, ["snapshot", "status", path]);
        expect({ minor, ...status }).toMatchObject({
          minor,
          hash: scan.hash,
          revision: scan.revision,
          totalKey: totalKeys[minor],
          totalSize: scan.databaseBytes,
        });
        if (minor !== "3.5") expect(status["version"]).toBe(scan.storageVersion ?? "");
      }
    }

    /** etcdutl writes to what it hashes: it gets a copy each time. That of 3.6 panics on a key with a lease ("no lessor to attach lease"). */
    async function matchesHashKv(
      path: string,
      scan: WholeScan,
      revisions: readonly number[],
      versions: readonly ("3.6" | "3.7")[] = ["3.6", "3.7"],
    ): Promise<void> {
      const questions = revisions.flatMap((revision) => versions.map((of) => ({ revision, of })));
      for (const [index, { revision, of }] of questions.entries()) {
        const copy = `${path}.${index}`;
        await copyFile(path, copy);
        const answer = await etcdutl(of, ["hashkv", copy, "--rev", String(revision)]);
        const { hash, compactRevision } = { hash: answer["hash"], compactRevision: Number(answer["compactRevision"]) };
        expect({ revision, ...scan.hashKv(revision, compactRevision) }).toEqual({ revision, hash });
        // Without any compaction etcdutl says 0 or -1.
        expect(Math.max(0, compactRevision)).toBe(Math.max(0, scan.compactRevision));
      }
    }

    test.skipIf(isMissing)(
      `agrees with etcdutl and the member on random work, before and after compactions and a defragmentation (seed ${seed})`,
      async () => {
        const { last } = await work(cluster, { rounds: 150, random: new SeededRandom(seed) });
        const first = await saved();
        expect(first.scan).toMatchObject({ isAuthEnabled: true, trailerBytes: 32, validMetas: 2, revision: last, lastRevision: last });
        await matchesStatus(first.path, first.scan);
        const lowest = Math.max(1, first.scan.compactRevision);
        await matchesHashKv(first.path, first.scan, [last, lowest, Math.floor((lowest + last) / 2)], ["3.7"]);
        expect(facts(wholeScan(first.bytes, CHUNKS))).toEqual(facts(first.scan));

        await revokeLeases(cluster);
        // What the member answers after a compaction, the snapshot from before it can answer too.
        const later = Math.floor((lowest + last) / 2) + 1;
        await cluster.etcdctl(["compact", String(later)]);
        const underWay = await saved();
        expect(underWay.scan).toMatchObject({ scheduledCompactRevision: later, compactRevision: later });
        expect(underWay.scan.finishedCompactRevision ?? 0).toBeLessThan(later);
        await matchesStatus(underWay.path, underWay.scan);
        await matchesHashKv(underWay.path, underWay.scan, [last, later]);
        await finished(later);
        const second = await saved();
        expect(second.scan).toMatchObject({ finishedCompactRevision: later, compactRevision: later });
        await matchesStatus(second.path, second.scan);
        await matchesHashKv(second.path, second.scan, [last, later]);
        expect(first.scan.hashKv(last, later)).toEqual(second.scan.hashKv(last, later));
        const printed: unknown = JSON.parse(await cluster.etcdctl(["endpoint", "hashkv", "-w", "json"]));
        expect(printed).toMatchObject([{ HashKV: { hash: numberOf(second.scan.hashKv()), compact_revision: later } }]);

        await cluster.etcdctl(["defrag"]);
        const third = await saved();
        await matchesStatus(third.path, third.scan);
        expect(third.scan.hashKv()).toEqual(second.scan.hashKv());
        expect(third.scan.freeBytes).toBeLessThanOrEqual(second.scan.freeBytes);
      },
    );

    async function finished(revision: number): Promise<void> {
      await until(`the compaction of ${revision}`, 60_000, async () => (await saved()).scan.finishedCompactRevision === revision, 300);
    }

    test.skipIf(isMissing)("tells members and alarms as the cluster lists them", async () => {
      // One line: id, status, name, peer URL, client URL, whether it is a learner.
      const [id = "", , name, peerUrl, clientUrl] = (await cluster.etcdctl(["member", "list"])).trim().split(", ");
      const before = await saved();
      expect(before.scan.members).toEqual([{ id, name, peerUrls: [peerUrl], clientUrls: [clientUrl], isLearner: false }]);
      expect(before.scan).toMatchObject({ alarms: [], removedMemberIds: [], clusterVersion: `${version}.0` });
      await raiseNoSpace(cluster, id);
      const raised = await saved();
      expect(raised.scan.alarms).toEqual([{ memberId: id, alarm: "NOSPACE" }]);
      await matchesStatus(raised.path, raised.scan);
      await cluster.etcdctl(["alarm", "disarm"]);
      expect((await saved()).scan.alarms).toEqual([]);
    });

    test.skipIf(isMissing)("agrees where every key is deleted and the deletion is what was compacted", async () => {
      await cluster.etcdctl(["del", "", "--from-key"]);
      const deleted = await saved();
      expect(deleted.scan.keys.live).toBe(0);
      await matchesHashKv(deleted.path, deleted.scan, [deleted.scan.lastRevision]);
      await cluster.etcdctl(["compact", String(deleted.scan.lastRevision), "--physical"]);
      const compacted = await saved();
      await matchesStatus(compacted.path, compacted.scan);
      await matchesHashKv(compacted.path, compacted.scan, [compacted.scan.lastRevision]);
    });
  });
}

async function revokeLeases(cluster: EtcdCluster): Promise<void> {
  const ids = (await cluster.etcdctl(["lease", "list"])).match(/^[0-9a-f]{10,}$/gm) ?? [];
  for (const id of ids) await cluster.etcdctl(["lease", "revoke", id]);
}

function numberOf(answer: ReturnType<WholeScan["hashKv"]>): number {
  if ("unavailable" in answer) throw new Error(answer.unavailable);
  return answer.hash;
}
