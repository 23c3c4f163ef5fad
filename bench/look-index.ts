import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../tools/lab/run-program.ts";
import { startVersityGateway } from "../tools/lab/versitygw.ts";
import { getByHand } from "./by-hand.ts";
import { SIZES } from "./cluster.ts";
import type { LoadedEtcd, Size } from "./cluster.ts";
import { startDelayProxy } from "./delay-proxy.ts";
import { load } from "./load.ts";
import { measure } from "./measure.ts";
import type { Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

export interface LookIndexContest {
  readonly etcd: LoadedEtcd;
  readonly size: Size;
  readonly runs: number;
  /** Path of the built program, for Node. */
  readonly lifeboat: string;
  readonly age: string;
  readonly unzstd: string;
  /** An empty folder, with room for three databases. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** What a run took, and what came from S3 for it. */
type Took = Usage & { readonly movedBytes: number };

export interface LookIndexResult {
  readonly name: string;
  readonly runs: readonly Took[];
}

interface Entrant {
  readonly name: string;
  /** In bash, into the file `out`. */
  readonly script: string;
  readonly check: (out: Buffer) => boolean;
  readonly runs: Took[];
}

/**
 * `lifeboat get` of one object out of S3 (versitygw on this machine), by the index that `verify --deep` left and by a pass over all of the snapshot, beside the way by hand, which reads the gateway's own file, in turns; what comes from S3 is counted on the wire.
 */
export async function holdLookIndex(contest: LookIndexContest): Promise<readonly LookIndexResult[]> {
  const { etcd, size, runs, lifeboat, age, unzstd, folder, signal, progress } = contest;
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
    { name: "by hand, without S3", script: hand, check: (out) => out.subarray(0, -1).equals(wanted.value), runs: [] },
    { name: "lifeboat get --no-index", script: get("--no-index"), check: (out) => out.equals(wanted.value), runs: [] },
    { name: "lifeboat get, by the index", script: get(""), check: (out) => out.equals(wanted.value), runs: [] },
  ];
  const once = async ({ name: who, script, check }: Entrant): Promise<Took> => {
    await rm(join(folder, "hand"), { recursive: true, force: true });
    await mkdir(join(folder, "hand"));
    const before = wire.received();
    const { usage } = await measure({ program: "bash", args: ["-euo", "pipefail", "-c", script], cwd: folder, env }, signal);
    if (!check(await readFile(join(folder, "out")))) throw new Error(`${who} gave something else than the value`);
    return { ...usage, movedBytes: wire.received() - before };
  };
  for (const entrant of entrants) await once(entrant);
  for (let round = 0; round < runs; round++)
    for (const entrant of rotated(entrants, round)) {
      progress(`look-index: round ${round + 1} of ${runs}: ${entrant.name}`);
      entrant.runs.push(await once(entrant));
    }
  return entrants;
}

/** Medians: seconds, and sizes in 10^6 bytes. The ratio is to what is done by hand. */
export function lookIndexReport(size: Size, results: readonly LookIndexResult[]): string {
  const wallsOf = ({ runs }: LookIndexResult): number[] => runs.map(({ wallSeconds }) => wallSeconds);
  const [first] = results;
  const byHand = first === undefined ? 1 : median(wallsOf(first));
  const rows = results.map((result) => {
    const { name, runs } = result;
    const walls = wallsOf(result);
    return [
      name,
      median(walls).toFixed(2),
      `${Math.min(...walls).toFixed(2)}-${Math.max(...walls).toFixed(2)}`,
      (median(walls) / byHand).toFixed(3),
      median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      (median(runs.map(({ peakRssKib }) => peakRssKib * 1024)) / 1e6).toFixed(0),
      (median(runs.map(({ movedBytes }) => movedBytes)) / 1e6).toFixed(2),
    ];
  });
  return markdownTable([`${size} MB, in S3`, "wall", "from-to", "ratio", "CPU", "peak RSS", "moved"], rows);
}
