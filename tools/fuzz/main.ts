import { randomInt } from "node:crypto";
import { tmpdir } from "node:os";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzz } from "../../test/snapshot/fuzz/fuzz.ts";
import { generatedSamples } from "../../test/snapshot/fuzz/samples.ts";
import { askEtcdutl } from "./ask-etcdutl.ts";
import { liveSamples } from "./live-samples.ts";

/**
 * `npm run fuzz`: changes whole snapshots, generated ones and those of every etcd that is here, and holds what the scan says of them against a plain
 * reader, and where it says whole, now and then against etcdutl. Exit code 1 where they differ.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    runs: { type: "string" },
    seed: { type: "string" },
    generated: { type: "boolean", default: false },
    help: { type: "boolean" },
  },
});

if (values.help === true) {
  process.stdout.write(
    "npm run fuzz -- [--minutes 10] [--runs N] [--seed N] [--generated]\n    --generated: no snapshots of real members; what failed in a test is had again with its seed, this and --runs 1\n",
  );
} else {
  const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed);
  const until = Date.now() + Number(values.minutes) * 60_000;
  const most = Number(values.runs ?? Number.POSITIVE_INFINITY);
  process.stdout.write(`seed ${seed}\n`);
  const samples = [...generatedSamples(), ...(values.generated ? [] : await liveSamples())];
  await using etcdutl = await askEtcdutl();
  const { counts, failure } = await fuzz(samples, seed, ({ runs }) => runs < most && Date.now() < until, etcdutl.look);
  process.stdout.write(`${JSON.stringify({ ...counts, etcdutl: etcdutl.counts }, undefined, 2)}\n`);
  if (failure !== undefined) {
    const path = join(tmpdir(), `lifeboat-fuzz-${failure.seed}.db`);
    await writeFile(path, failure.bytes);
    process.stdout.write(`seed ${failure.seed}, sample ${failure.sample}: ${failure.complaint}\nthe bytes are in ${path}\n`);
    process.exitCode = 1;
  }
}
