import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startCluster } from "../tools/lab/etcd-cluster.ts";
import { runProgram } from "../tools/lab/run-program.ts";
import { measure } from "./measure.ts";
import type { Command, Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

/** Builds of lifeboat beside each other on commands that do little more than start. */
export interface StartupContest {
  /** Paths of built programs, for Node, by the name that the table shows; the others are held against the last. */
  readonly builds: readonly { readonly name: string; readonly program: string }[];
  readonly runs: number;
  /** An empty folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export interface StartupResult {
  readonly command: string;
  readonly build: string;
  readonly runs: readonly Usage[];
}

/** In a store that each build made itself, since their formats may differ. */
const SNAPSHOTS = 10;

/** What is short is repeated: so many times for each run that was asked for. */
const ROUNDS = 5;

const COMMANDS = [
  {
    name: "--help",
    args: ["--help"],
    isRight: (out: string) => ["init", "backup", "ls", "verify"].every((each) => out.includes(`\n  ${each} `)),
  },
  { name: `ls of ${SNAPSHOTS}`, args: ["ls", "prod", "--json"], isRight: (out: string) => snapshotsIn(out) === SNAPSHOTS },
] as const;

/** A few times each to check the output and to let a build keep its compiled code, then in turns. Throws where an output is not right. */
export async function holdStartup({ builds, runs, folder, signal, progress }: StartupContest): Promise<readonly StartupResult[]> {
  const results: { command: string; build: string; run: Command; runs: Usage[] }[] = [];
  {
    await using etcd = await startCluster({ version: "3.6" });
    for (const { name, program } of builds) {
      progress(`startup: ${SNAPSHOTS} snapshots by ${name}`);
      const cwd = join(folder, name);
      await mkdir(cwd, { mode: 0o700 });
      const env = { PATH: process.env["PATH"], HOME: cwd, XDG_RUNTIME_DIR: cwd };
      const lifeboat = (...args: readonly string[]): Promise<string> => runProgram(process.execPath, [program, ...args], { env, cwd });
      await lifeboat("init", "--cluster", "prod", ...etcd.endpoints.flatMap((each) => ["--endpoint", each]));
      for (let each = 0; each < SNAPSHOTS; each += 1) {
        signal.throwIfAborted();
        await lifeboat("backup", "prod", "--quiet");
      }
      for (const { name: command, args, isRight } of COMMANDS) {
        const run = { program: process.execPath, args: [program, ...args], cwd, env };
        for (let each = 0; each < ROUNDS; each += 1) {
          const { stdout } = await measure(run, signal);
          if (!isRight(stdout)) throw new Error(`${command} by ${name} does not print what it should:\n${stdout}`);
        }
        results.push({ command, build: name, run, runs: [] });
      }
    }
  }
  for (let round = 0; round < runs * ROUNDS; round++) {
    progress(`startup: round ${round + 1} of ${runs * ROUNDS}`);
    for (const entrant of rotated(results, round)) entrant.runs.push((await measure(entrant.run, signal)).usage);
  }
  return results.map(({ command, build, runs: usages }) => ({ command, build, runs: usages }));
}

/** Medians in seconds. On a machine with other work the ratio of CPU says more than that of wall times. */
export function startupReport(results: readonly StartupResult[]): string {
  const wall = ({ runs }: StartupResult): number => median(runs.map(({ wallSeconds }) => wallSeconds));
  const cpu = ({ runs }: StartupResult): number => median(runs.map(({ cpuSeconds }) => cpuSeconds));
  const rows = results.map((result) => {
    const last = results.findLast(({ command }) => command === result.command) ?? result;
    const rss = median(result.runs.map(({ peakRssKib }) => peakRssKib * 1024)) / 1e6;
    const ratio = (figure: typeof wall): string => (figure(result) / figure(last)).toFixed(2);
    return [result.command, result.build, wall(result).toFixed(3), ratio(wall), cpu(result).toFixed(3), ratio(cpu), rss.toFixed(0)];
  });
  return markdownTable(["start-up", "build", "wall", "ratio", "CPU", "ratio", "peak RSS"], rows);
}

function snapshotsIn(out: string): number {
  const { snapshots } = JSON.parse(out) as { readonly snapshots?: unknown };
  return Array.isArray(snapshots) ? snapshots.length : -1;
}
