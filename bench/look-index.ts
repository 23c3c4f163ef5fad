import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../tools/lab/run-program.ts";
import { startVersityGateway } from "../tools/lab/versitygw.ts";
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
  /** An empty folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export interface LookIndexResult {
  readonly name: string;
  readonly runs: readonly (Usage & { readonly movedBytes: number })[];
}

/** `lifeboat get` of one object out of S3 (versitygw on this machine), by the index that `verify --deep` left and by a pass over all of the snapshot, in turns; what comes from S3 is counted on the wire. */
export async function holdLookIndex(contest: LookIndexContest): Promise<readonly LookIndexResult[]> {
  const { etcd, size, runs, lifeboat, folder, signal, progress } = contest;
  await using gateway = await startVersityGateway();
  await using wire = await startDelayProxy(Number(new URL(gateway.endpoint).port), 0);
  const env = { PATH: process.env["PATH"], HOME: folder, XDG_RUNTIME_DIR: folder, ...gateway.environment };
  const run = (...args: readonly string[]): Promise<string> => runProgram(process.execPath, [lifeboat, ...args], { env, cwd: folder });
  await run("init", "--cluster", "prod", "--endpoint", `http://127.0.0.1:${etcd.plainPort}`);
  const file = join(folder, "lifeboat.yaml");
  const store = `store: { kind: s3, bucket: ${await gateway.makeBucket({})}, region: ${gateway.region}, endpoint: "http://127.0.0.1:${wire.port}", pathStyle: true }\n`;
  const settings = (await readFile(file, "utf8")).replace(/^store:.*\n(?: .*\n|# .*\n|#   .*\n)*/m, store);
  await writeFile(file, settings.replace("indexFrom: 64MiB", "indexFrom: 1MB"));
  progress("look-index: a backup into S3, and its verification");
  await run("backup", "prod", "--quiet");
  await run("verify", "prod/latest", "--deep", "--quiet");
  // Of an uneven number: bench/look.ts writes a hundredth of the others anew.
  const wanted = [...load(SIZES[size] / 2 + 2)].at(-1);
  if (wanted === undefined) throw new Error("there is no load");
  const entrants = [
    { name: "lifeboat get, by the index", flags: [], runs: [] as LookIndexResult["runs"][number][] },
    { name: "lifeboat get --no-index", flags: ["--no-index"], runs: [] as LookIndexResult["runs"][number][] },
  ];
  const out = join(folder, "out");
  const once = async ({ name, flags }: (typeof entrants)[number]): Promise<LookIndexResult["runs"][number]> => {
    const script = `${process.execPath} ${lifeboat} get prod/latest ${wanted.key.toString()} --quiet ${flags.join(" ")} > ${out}`;
    const before = wire.received();
    const { usage } = await measure({ program: "bash", args: ["-euc", script], cwd: folder, env }, signal);
    if (!(await readFile(out)).equals(wanted.value)) throw new Error(`${name} gave ${(await stat(out)).size} bytes that are not the value`);
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

/** Medians: seconds, and sizes in 10^6 bytes. */
export function lookIndexReport(size: Size, results: readonly LookIndexResult[]): string {
  const rows = results.map(({ name, runs }) => {
    const walls = runs.map(({ wallSeconds }) => wallSeconds);
    return [
      name,
      median(walls).toFixed(2),
      `${Math.min(...walls).toFixed(2)}-${Math.max(...walls).toFixed(2)}`,
      median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      (median(runs.map(({ peakRssKib }) => peakRssKib * 1024)) / 1e6).toFixed(0),
      (median(runs.map(({ movedBytes }) => movedBytes)) / 1e6).toFixed(2),
    ];
  });
  return markdownTable([`${size} MB, in S3`, "wall", "from-to", "CPU", "peak RSS", "moved"], rows);
}
