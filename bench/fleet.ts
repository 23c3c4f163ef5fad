import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startCluster } from "../tools/lab/etcd-cluster.ts";
import { runProgram } from "../tools/lab/run-program.ts";
import { fillStore } from "./large-store.ts";
import { measure } from "./measure.ts";
import type { Command, Usage } from "./measure.ts";
import { median } from "./statistics.ts";
import { markdownTable } from "./table.ts";

/** What a fleet takes to be looked at, out of catalog segments, beside a build that reads each document. */
export interface FleetContest {
  /** Programs, for Node: of this build, and of the one that it is held against, which may be left out. */
  readonly program: string;
  readonly base: string | undefined;
  readonly clusters: number;
  /** Of each cluster. */
  readonly snapshots: number;
  readonly runs: number;
  /** An empty folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

export interface FleetResult {
  readonly name: string;
  /** So many clusters were looked at: a build of before may not be able to open as many files as all of them take. */
  readonly clusters: number;
  /** After the system has forgotten all files; undefined where it may not be told to. */
  readonly cold: Usage | undefined;
  /** The first run, in which nothing is kept from an earlier one: the same as the cold one, where there is one. */
  readonly first: Usage;
  readonly warm: readonly Usage[];
}

/** The base reads 64 documents of every cluster at a time, and a system lets a process open some 20,000 files. */
const MOST_OF_BASE = 200;

/** Fills a store, checks what each command says of it, and then times them in turns. Throws where one does not tell of every snapshot as good. */
export async function holdFleet(contest: FleetContest): Promise<readonly FleetResult[]> {
  const { program, base, clusters, snapshots, folder } = contest;
  const progress = (text: string): void => contest.progress(text);
  // Where audits keep what they read: emptied for a cold one.
  const cache = join(folder, "cache");
  const env = { PATH: process.env["PATH"], HOME: folder, XDG_CACHE_HOME: cache };
  const [all, part] = [join(folder, "all"), join(folder, "part")];
  await mkdir(all);
  await mkdir(cache, { mode: 0o700 });
  const run = (args: readonly string[]): Promise<string> => runProgram(process.execPath, [program, ...args], { env, cwd: all });
  {
    await using etcd = await startCluster({ version: "3.6" });
    await run(["init", "--cluster", "prod", ...etcd.endpoints.flatMap((each) => ["--endpoint", each])]);
    await run(["backup", "prod", "--quiet"]);
  }
  const names = Array.from({ length: clusters }, (_, index) => `c${String(index).padStart(4, "0")}`);
  progress(`fleet: signing the documents of ${clusters} clusters with ${snapshots} snapshots each`);
  await fillStore({ folder: all, cluster: "prod", snapshots, clusters: names });
  await configure(all, names);
  const some = names.slice(0, MOST_OF_BASE);
  if (base !== undefined) {
    // Before there are segments, so that both read what an older build left.
    await mkdir(join(part, "vault/clusters"), { recursive: true });
    for (const name of ["keys", "lifeboat.yaml", "vault/store.json"]) await cp(join(all, name), join(part, name), { recursive: true });
    for (const name of some)
      await runProgram("cp", ["-al", join(all, "vault/clusters", name), join(part, "vault/clusters")], { env, cwd: part });
    await configure(part, some);
  }
  progress("fleet: writing catalog segments");
  const began = performance.now();
  await run(["catalog", "--json"]);
  progress(`fleet: wrote them in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  const entrants: readonly Entrant[] = [
    { name: "ls --fleet", clusters, command: commandOf(program, ["ls", "--fleet", "--json"], all, env), counted: goodInFleet },
    {
      name: "audit",
      clusters,
      command: commandOf(program, ["audit", "--json"], all, env),
      counted: goodInAudit,
      forgets: join(cache, "etcd-lifeboat/audit"),
    },
    { name: "ls", clusters, command: commandOf(program, ["ls", "--json"], all, env), counted: goodInList },
    ...(base === undefined
      ? []
      : [{ name: "ls, base", clusters: some.length, command: commandOf(base, ["ls", "--json"], part, env), counted: goodInList }]),
  ];
  return timeInTurns(contest, entrants);
}

interface Entrant {
  readonly name: string;
  readonly clusters: number;
  readonly command: Command;
  /** How many good snapshots its output tells of. */
  readonly counted: (stdout: string) => number;
  /** A folder that it keeps between runs: removed before the cold one. */
  readonly forgets?: string;
}

function commandOf(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Command {
  return { program: process.execPath, args: [program, ...args], cwd, env };
}

async function timeInTurns(contest: FleetContest, entrants: readonly Entrant[]): Promise<readonly FleetResult[]> {
  const { snapshots, runs, signal } = contest;
  const results: { name: string; clusters: number; cold: Usage | undefined; first: Usage; warm: Usage[] }[] = [];
  for (const { name, clusters, command, counted, forgets } of entrants) {
    contest.progress(`fleet: ${name}, checked`);
    if (forgets !== undefined) await rm(forgets, { recursive: true, force: true });
    const isCold = await forgetFiles();
    const { usage, stdout } = await measure(command, signal);
    const good = counted(stdout);
    if (good !== clusters * snapshots) throw new Error(`${name} tells of ${good} good snapshots in place of ${clusters * snapshots}`);
    results.push({ name, clusters, cold: isCold ? usage : undefined, first: usage, warm: [] });
  }
  for (let round = 1; round <= runs; round++)
    for (const [index, { name, command }] of entrants.entries()) {
      contest.progress(`fleet: round ${round} of ${runs}: ${name}`);
      results[index]?.warm.push((await measure(command, signal)).usage);
    }
  return results;
}

/** Whether the system forgot what it has of files in memory: only root may tell it to. */
async function forgetFiles(): Promise<boolean> {
  return writeFile("/proc/sys/vm/drop_caches", "3").then(
    () => true,
    () => false,
  );
}

/** The clusters of the store with the settings of `prod`, and an rpo that the age of the bench's snapshots does not pass. */
async function configure(folder: string, names: readonly string[]): Promise<void> {
  const file = join(folder, "lifeboat.yaml");
  const text = await readFile(file, "utf8");
  const lines = names.map((name) => `  ${name}: { endpoints: [http://127.0.0.1:1], rpo: 30d }\n`);
  await writeFile(file, `${text.slice(0, text.indexOf("\nclusters:\n"))}\nclusters:\n${lines.join("")}`);
}

function goodInFleet(stdout: string): number {
  const { clusters } = JSON.parse(stdout) as { readonly clusters: readonly { readonly stored: { readonly good: number } | null }[] };
  return clusters.reduce((sum, { stored }) => sum + (stored?.good ?? 0), 0);
}

function goodInAudit(stdout: string): number {
  const { clusters } = JSON.parse(stdout) as { readonly clusters: readonly { readonly snapshots: { readonly good: number } | null }[] };
  return clusters.reduce((sum, { snapshots }) => sum + (snapshots?.good ?? 0), 0);
}

function goodInList(stdout: string): number {
  const { snapshots } = JSON.parse(stdout) as { readonly snapshots: readonly { readonly good: boolean }[] };
  return snapshots.filter(({ good }) => good).length;
}

/** Medians of warm runs; what one that looked at fewer clusters would take for all of them is worked out. */
export function fleetReport(
  { clusters, snapshots }: Pick<FleetContest, "clusters" | "snapshots">,
  results: readonly FleetResult[],
): string {
  const rows = results.map((result) => {
    const scale = clusters / result.clusters;
    const warm = (figure: (usage: Usage) => number): number => median(result.warm.map(figure)) * scale;
    return [
      scale === 1 ? result.name : `${result.name}: of ${result.clusters} clusters, times ${scale.toFixed(1)}`,
      result.cold === undefined ? "" : (result.cold.wallSeconds * scale).toFixed(1),
      (result.first.cpuSeconds * scale).toFixed(1),
      warm(({ wallSeconds }) => wallSeconds).toFixed(1),
      warm(({ cpuSeconds }) => cpuSeconds).toFixed(1),
      (Math.max(...[result.first, ...result.warm].map(({ peakRssKib }) => peakRssKib * 1024)) / 1e6).toFixed(0),
    ];
  });
  return markdownTable(
    [`${clusters} clusters with ${snapshots} snapshots each`, "cold, s", "its CPU, s", "warm, s", "its CPU, s", "peak RSS, MB"],
    rows,
  );
}
