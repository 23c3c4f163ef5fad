import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { sampleOf } from "../../test/snapshot/fuzz/judge.ts";
import type { Sample } from "../../test/snapshot/fuzz/judge.ts";
import { work } from "../../test/snapshot/support/workload.ts";
import { startCluster } from "../lab/etcd-cluster.ts";
import { ETCD_VERSIONS, etcdPrograms } from "../lab/etcd-programs.ts";

/** A small snapshot of each etcd that is here, after some work. */
export async function liveSamples(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const version of ETCD_VERSIONS.filter((each) => etcdPrograms(each) !== undefined)) {
    await using cluster = await startCluster({ version, security: "password" });
    await work(cluster, { rounds: 80, random: new SeededRandom(1), isLarge: false });
    const path = join(cluster.folder, "sample.db");
    await cluster.etcdctl(["snapshot", "save", path]);
    samples.push(sampleOf(`etcd ${version}`, await readFile(path)));
  }
  return samples;
}
