import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readEntry } from "../../shared/snapshot/survey.ts";
import { startCluster } from "../../tools/lab/etcd-cluster.ts";
import { ETCD_VERSIONS, etcdPrograms } from "../../tools/lab/etcd-programs.ts";
import { runProgram } from "../../tools/lab/run-program.ts";
import { skipWithout } from "../support/programs.ts";
import { wholeScan } from "./support/scanned.ts";

/** bbolt keeps a bucket inside its parent's entry as long as it takes less than a quarter of a page: bucket `key` of a cluster with next to nothing in it. */

const status = z.object({ hash: z.number(), revision: z.number() });
const members = z.array(z.object({ HashKV: z.object({ hash: z.number(), compact_revision: z.number() }) })).length(1);

describe.each(ETCD_VERSIONS)("etcd %s with few keys", (version) => {
  const isMissing = skipWithout(`etcd-${version}`, etcdPrograms(version) !== undefined);
  test.skipIf(isMissing)("is read like any other: none, some, and a deleted one", async () => {
    await using cluster = await startCluster({ version });
    const programs = etcdPrograms("3.6");
    if (programs === undefined) throw new Error("etcdutl 3.6 is not here");
    const steps: readonly (readonly string[])[] = [
      [],
      ["put", "a", "1"],
      ["put", "a", "2"],
      ["put", "b", "3"],
      ["del", "a"],
      ["compact", "--physical", "4"],
    ];
    for (const [index, step] of steps.entries()) {
      if (step.length > 0) await cluster.etcdctl(step);
      const path = join(cluster.folder, `${index}.db`);
      await cluster.etcdctl(["snapshot", "save", path]);
      const bytes = await readFile(path);
      const scan = wholeScan(bytes, [4097, 100], { surveyTop: 3 });
      const told = status.parse(
        JSON.parse(await runProgram(programs.etcdutl, ["snapshot", "status", path, "-w", "json"], { env: { PATH: process.env["PATH"] } })),
      );
      expect({ index, hash: scan.hash, revision: scan.revision }).toEqual({ index, ...told });
      const [member] = members.parse(JSON.parse(await cluster.etcdctl(["endpoint", "hashkv", "-w", "json"])));
      expect({ index, ...scan.hashKv() }).toEqual({ index, hash: member?.HashKV.hash });
      const names = scan.survey?.largest.map(({ place }) => {
        const key = readEntry(bytes.subarray(place.at, place.at + place.length), place)?.key;
        return key === undefined ? undefined : Buffer.from(key).toString();
      });
      expect(names).toEqual([[], ["a"], ["a"], ["a", "b"], ["b"], ["b"]][index]);
    }
  });
});
