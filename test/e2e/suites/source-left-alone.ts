import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { EtcdSource } from "../../../shared/etcd/etcd-source.ts";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { etcdPrograms } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import type { Security } from "../../../tools/lab/cluster-security.ts";
import { runProgram } from "../../../tools/lab/run-program.ts";
import { drain } from "../../etcd/support/drain.ts";
import { LIMITS, sourceOf } from "../../etcd/support/source-of.ts";
import { newPlace } from "../../support/place.ts";
import { skipWithout } from "../../support/programs.ts";

/** One member, so that no election puts an entry of its own into the log. */
export const SECURITIES = ["plain", "certificate", "password"] as const satisfies readonly Security[];

const snapshotStatusSchema = z.object({ hash: z.number(), revision: z.number(), totalKey: z.number() });

/** What a write would change: raft's log, the database's size, the keys, and by `hash` every byte of every bucket, as etcdutl sees them. */
async function stateOf(cluster: EtcdCluster, source: EtcdSource): Promise<{ readonly raftIndex: number; readonly hash: number }> {
  const [url = ""] = cluster.endpoints;
  const file = join(cluster.folder, "state.db");
  // Before the status, since a snapshot makes the member commit what it holds back.
  await writeFile(file, await drain(source.snapshot(url, LIMITS)));
  const text = await runProgram(cluster.programs.etcdutl, ["snapshot", "status", file, "-w", "json"], {
    env: { PATH: process.env["PATH"] },
  });
  const { raftIndex, raftAppliedIndex, databaseBytes, revision, alarms } = await source.status(url);
  const { hash: hashKv, compactRevision } = await source.hashKv(url, revision, { timeoutMs: LIMITS.idleMs });
  const status = { raftIndex, raftAppliedIndex, databaseBytes, revision, alarms, hashKv, compactRevision };
  return { ...status, ...snapshotStatusSchema.parse(JSON.parse(text)) };
}

export function sourceLeftAloneTests(version: EtcdVersion, securities: readonly Security[]): void {
  describe(`etcd ${version}`, () => {
    const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);

    test.skipIf(isMissing).each(securities)("%s: preflight and backup write nothing, but for the log-in by password", async (security) => {
      await using cluster = await startCluster({ version, security });
      for (const value of ["one", "two", "x".repeat(10_000)]) await cluster.etcdctl(["put", "/registry/a", value]);
      await cluster.etcdctl(["compact", "--physical", "3"]);
      const place = await newPlace(cluster, cluster.folder, "place");
      // Logs in now, if at all, and keeps its token.
      using source = sourceOf(cluster.connection);
      await stateOf(cluster, source);

      let before = await stateOf(cluster, source);
      for (const command of ["preflight", "backup"]) {
        const { code, stdout, stderr } = await place.here(command, "prod");
        expect({ command, code, stdout, stderr }).toMatchObject({ code: 0 });
        const after = await stateOf(cluster, source);
        if (security !== "password") expect(after).toEqual(before);
        else {
          // The log-in is an entry in raft's log, and from etcd 3.5 on its index is written to the database at once.
          const index = before.raftIndex + 1;
          expect(after).toEqual({ ...before, raftIndex: index, raftAppliedIndex: index, hash: after.hash });
          if (version !== "3.4") expect(after.hash).not.toBe(before.hash);
        }
        before = after;
      }
    });

    test.skipIf(isMissing)("what the test looks at does see a question for alarms", async () => {
      await using cluster = await startCluster({ version });
      using source = sourceOf(cluster.connection);
      const before = await stateOf(cluster, source);
      await cluster.etcdctl(["alarm", "list"]);
      const after = await stateOf(cluster, source);
      expect(after.raftIndex).toBe(before.raftIndex + 1);
      if (version !== "3.4") expect(after.hash).not.toBe(before.hash);
    });
  });
}
