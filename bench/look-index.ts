import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../tools/lab/run-program.ts";
import { startVersityGateway } from "../tools/lab/versitygw.ts";
import { getByHand } from "./by-hand.ts";
import { SIZES } from "./cluster.ts";
import { startDelayProxy } from "./delay-proxy.ts";
import { load } from "./load.ts";
import { requireEqual, takeTurns } from "./look-contest.ts";
import type { Entrant, LookContest, LookResult } from "./look-contest.ts";

/**
 * `lifeboat get` of one object out of S3 (versitygw on this machine), by the index that `verify --deep` left and by a pass over all of the snapshot, beside the way by hand, which reads the gateway's own file, in turns; what comes from S3 is counted on the wire.
 */
export async function holdLookIndex(contest: LookContest): Promise<readonly LookResult[]> {
  const { etcd, size, lifeboat, age, unzstd, folder, progress } = contest;
  await using gateway = await startVersityGateway();
  await using wire = await startDelayProxy(Number(new URL(gateway.endpoint).port), 0);
  const env = { PATH: process.env["PATH"], HOME: folder, XDG_RUNTIME_DIR: folder, ...gateway.environment };
  const run = (...args: readonly string[]): Promise<string> => runProgram(process.execPath, [lifeboat, ...args], { env, cwd: folder });
  await run("init", "--cluster", "prod", "--endpoint", `http://127.0.0.1:${etcd.plainPort}`);
  const file = join(folder, "lifeboat.yaml");
  const bucket = await gateway.makeBucket({});
  const store = `store: { kind: s3, bucket: ${bucket}, region: ${gateway.region}, endpoint: "http://127.0.0.1:${wire.port}", pathStyle: true }\n`;
  const settings = (await readFile(file, "utf8")).replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, store);
  await writeFile(file, settings.replace("indexFrom: 64MiB", "indexFrom: 1MB"));
  progress("look-index: a backup into S3, and its verification");
  await run("backup", "prod", "--quiet");
  await run("verify", "prod/latest", "--deep", "--quiet");
  // Of an uneven number: bench/look.ts writes a hundredth of the others anew.
  const wanted = [...load(SIZES[size] / 2 + 2)].at(-1);
  if (wanted === undefined) throw new Error("there is no load");
  const data = join(gateway.dataFolder, bucket, "clusters/prod/data");
  const [name = ""] = await readdir(data);
  const key = wanted.key.toString();
  const get = (flags: string): string => `${process.execPath} ${lifeboat} get prod/latest ${key} --quiet ${flags} > out`;
  const hand = await getByHand({ etcd, age, unzstd, identity: "break-glass.key", stored: join(data, name) }, key);
  const entrants: Entrant[] = [
    // etcdctl ends what it prints with a line.
    { name: "by hand, without S3", script: hand, check: (out) => requireEqual(out.subarray(0, -1), wanted.value) },
    { name: "lifeboat get --no-index", script: get("--no-index"), check: (out) => requireEqual(out, wanted.value) },
    { name: "lifeboat get, by the index", script: get(""), check: (out) => requireEqual(out, wanted.value) },
  ];
  // Awaited here: gateway and wire end with this function.
  return await takeTurns(contest, entrants, env, () => wire.received());
}
