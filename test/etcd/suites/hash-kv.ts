import { describe, expect, test } from "vitest";
import { z } from "zod";

import { startCluster, type EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { etcdPrograms } from "../../../tools/lab/etcd-programs.ts";
import type { EtcdVersion } from "../../../tools/lab/etcd-programs.ts";
import { skipWithout } from "../../support/programs.ts";
import { failureOf } from "../support/failure.ts";
import { sourceOf } from "../support/source-of.ts";

const NO_HURRY = { timeoutMs: 15_000 };

const printedSchema = z.array(z.object({ HashKV: z.object({ hash: z.number(), compact_revision: z.number() }) })).length(1);

/** The member's answer as etcdctl prints it. */
async function printed(cluster: EtcdCluster, revision: number): Promise<object> {
  const text = await cluster.etcdctl(["endpoint", "hashkv", `--rev=${revision}`, "-w", "json"]);
  const [{ HashKV } = { HashKV: undefined }] = printedSchema.parse(JSON.parse(text));
  return { hash: HashKV?.hash, compactRevision: HashKV?.compact_revision };
}

/** Revisions 2, 3 and 4. */
async function putThrice(cluster: EtcdCluster): Promise<void> {
  for (const [key, value] of [
    ["a", "1"],
    ["a", "2"],
    ["b", "3"],
  ] as const) {
    await cluster.etcdctl(["put", key, value]);
  }
}

export function hashKvTests(versions: readonly EtcdVersion[]): void {
  describe.each(versions)("HashKV of etcd %s", (version) => {
    const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);

    test.skipIf(isMissing)("is what etcdctl prints, before and after a compaction, and says what was compacted", async () => {
      await using cluster = await startCluster({ version });
      await putThrice(cluster);
      using source = sourceOf(cluster.connection);
      const url = cluster.endpoints[0] ?? "";
      const { memberId } = await source.status(url);
      for (const revision of [2, 3, 4]) {
        const answer = await source.hashKv(url, revision, NO_HURRY);
        expect(answer).toEqual({ memberId, revision, ...(await printed(cluster, revision)) });
        expect(answer.compactRevision).toBe(-1);
      }
      const whole = await source.hashKv(url, 3, NO_HURRY);

      await cluster.etcdctl(["compact", "--physical", "3"]);
      expect(await source.hashKv(url, 4, NO_HURRY)).toEqual({ memberId, revision: 4, ...(await printed(cluster, 4)) });
      expect(await source.hashKv(url, "latest", NO_HURRY)).toEqual(await source.hashKv(url, 4, NO_HURRY));
      expect((await source.hashKv(url, 4, NO_HURRY)).compactRevision).toBe(3);
      const gone = { code: "etcd/compacted", retryable: false };
      expect(await failureOf(source.hashKv(url, 2, NO_HURRY))).toMatchObject({
        ...gone,
        message: `${url} did not hash its keys at revision 2 (HashKV): that revision has been compacted`,
        hint: expect.stringContaining("newer revision") as string,
      });
      if (version === "3.4") expect(await failureOf(source.hashKv(url, 3, NO_HURRY))).toMatchObject(gone);
      // The hash that the compaction made on its way: with the compaction before it, which is none.
      else expect(await source.hashKv(url, 3, NO_HURRY)).toEqual(whole);

      // Compacted to its very end it answers only so with what it holds.
      await cluster.etcdctl(["compact", "--physical", "4"]);
      expect(await source.hashKv(url, "latest", NO_HURRY)).toMatchObject({ revision: 4, compactRevision: 4 });
      if (version !== "3.4") expect(await source.hashKv(url, 4, NO_HURRY)).toMatchObject({ revision: 4, compactRevision: 3 });

      const [member] = cluster.members;
      await member?.stop();
      await member?.start();
      if (version === "3.4") expect(await failureOf(source.hashKv(url, 4, NO_HURRY))).toMatchObject(gone);
      else expect(await source.hashKv(url, 4, NO_HURRY)).toMatchObject({ compactRevision: 4 });
    });

    test.skipIf(isMissing)("a revision that is not there yet, or is none", async () => {
      await using cluster = await startCluster({ version });
      using source = sourceOf(cluster.connection);
      const url = cluster.endpoints[0] ?? "";
      expect(await failureOf(source.hashKv(url, 99, NO_HURRY))).toMatchObject({
        code: "etcd/future-revision",
        retryable: true,
        message: `${url} did not hash its keys at revision 99 (HashKV): it has not reached that revision yet`,
        hint: expect.stringContaining("endpoint status") as string,
      });
      // etcd would take 0 for the latest, which has a word of its own here.
      for (const none of [0, -1, 1.5, Number.NaN]) {
        await expect(source.hashKv(url, none, NO_HURRY)).rejects.toThrow(new TypeError(`HashKV cannot be asked at revision ${none}`));
      }
    });
  });

  test("a member that does not answer is given up after the time for this question, and not that of others", async () => {
    await using cluster = await startCluster({ version: "3.6" });
    const url = cluster.endpoints[0] ?? "";
    using source = sourceOf({ ...cluster.connection, callMs: 1 << 30 });
    await source.status(url);
    await cluster.members[0]?.pause();
    try {
      expect(await failureOf(source.hashKv(url, 1, { timeoutMs: 300 }))).toMatchObject({
        code: "etcd/timeout",
        retryable: true,
        message: `${url} did not hash its keys at revision 1 (HashKV) within 300 ms`,
      });
    } finally {
      cluster.members[0]?.resume();
    }
    expect(await source.hashKv(url, 1, NO_HURRY)).toMatchObject({ compactRevision: -1 });
  });
}
