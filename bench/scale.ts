import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startCluster } from "../tools/lab/etcd-cluster.ts";
import { runProgram } from "../tools/lab/run-program.ts";
import { startLargeBucket } from "./large-bucket.ts";
import { timeRemovals } from "./scale-removals.ts";
import type { ServersCpu } from "./large-bucket.ts";
import { fillStore } from "./large-store.ts";
import { measure } from "./measure.ts";
import type { Command, Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

/** Two builds of lifeboat beside each other on one store of many snapshots. */
export interface ScaleContest {
  /** Paths of built programs, for Node, by the name that the table shows. */
  readonly builds: readonly { readonly name: string; readonly program: string }[];
  readonly snapshots: number;
  readonly runs: number;
  /** An empty folder. */
  readonly folder: string;
  /** Where the store is timed: as a folder, and as a bucket behind a delay. */
  readonly places: readonly ScalePlace[];
  readonly signal: AbortSignal;
  progress(text: string): void;
}

export type ScalePlace = "folder" | "s3";

export interface ScaleResult {
  readonly place: ScalePlace;
  readonly command: string;
  readonly build: string;
  /** Empty where that build cannot do it on this store, and so is not timed. */
  readonly runs: readonly ScaleUsage[];
}

/** Of a run; in S3 besides what the gateway and the proxy took of the same cores meanwhile. */
export interface ScaleUsage extends Usage {
  readonly others?: ServersCpu;
}

/** What is timed, and what of its output all builds must agree on. Where that is no number of snapshots, the store is not as it should be. */
const COMMANDS: readonly Timed[] = [
  { name: "ls", args: ["ls", "prod", "--json"], counted: (out: unknown) => countIn(out, "snapshots", (each) => each["good"] === true) },
  {
    name: "custody --verify",
    args: ["custody", "prod", "--verify", "--limit", "1", "--json"],
    // A build of before the log had folders finds no record of it.
    mayFailInBase: true,
    counted: (out: unknown) => {
      const { holds, documents } = (out as Row)["verification"] as Row;
      return holds === true ? Number(documents) : -1;
    },
  },
  {
    name: "rewrap --dry-run",
    args: ["rewrap", "--dry-run", "--json"],
    counted: (out: unknown) => countIn(out, "snapshots", (each) => each["outcome"] === "already"),
  },
  {
    // A build of before it had prune is held against by its ls, which reads the same documents.
    name: "prune --dry-run (base: ls)",
    args: ["prune", "prod", "--dry-run", "--json", "--although", "overdue", "many"],
    argsOfBase: ["ls", "prod", "--json"],
    counted: (out: unknown) => countIn(out, "decisions" in (out as Row) ? "decisions" : "snapshots", (each) => each["good"] === true),
  },
];

interface Timed {
  readonly name: string;
  readonly args: readonly string[];
  /** Of the build that this one is held against, where those are others. */
  readonly argsOfBase?: readonly string[];
  /** Whether the build that this one is held against may not know what the store has: then it is left out, and that is said. */
  readonly mayFailInBase?: boolean;
  readonly counted: (out: unknown) => number;
}

/** Once each to check the output, then in turns; then what removes, on a fresh copy each time. Throws where a build does not tell of every snapshot as good. */
export async function holdScale(contest: ScaleContest): Promise<readonly ScaleResult[]> {
  const { builds, snapshots, folder } = contest;
  const [first] = builds;
  if (first === undefined) throw new Error("there is no build to measure");
  const env = { PATH: process.env["PATH"], HOME: folder };
  const lifeboat = (args: readonly string[]): Promise<string> =>
    runProgram(process.execPath, [first.program, ...args], { env, cwd: folder });
  {
    await using etcd = await startCluster({ version: "3.6" });
    await lifeboat(["init", "--cluster", "prod", ...etcd.endpoints.flatMap((each) => ["--endpoint", each])]);
    await withoutLaterSettings(join(folder, "lifeboat.yaml"));
    await lifeboat(["backup", "prod", "--quiet"]);
  }
  contest.progress(`scale: signing the documents of ${snapshots} snapshots`);
  await fillStore({ folder, cluster: "prod", snapshots });
  const results: ScaleResult[] = [];
  for (const place of contest.places) {
    if (place === "folder") results.push(...(await timeAll(contest, place, { cwd: folder, env, store: join(folder, "vault") })));
    else {
      await using bucket = await startLargeBucket(folder);
      const s3Env = { ...env, ...bucket.environment };
      results.push(
        ...(await timeAll(contest, place, { cwd: bucket.folder, env: s3Env, store: bucket.files, serversCpu: bucket.serversCpu })),
      );
    }
    results.push(...(await timeRemovals(contest, place, first, env)));
  }
  return results;
}

/** An older build refuses settings that it does not know. Without them this one takes their defaults, which `init` wrote. */
async function withoutLaterSettings(file: string): Promise<void> {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replaceAll(/^ +(?:minAge|keepUnverified): .*\n|^desk:\n(?: +.*\n)+| {4}verify:\n(?: {6}.*\n)+/gm, ""));
}

interface Where {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where its objects are files. */
  readonly store: string;
  readonly serversCpu?: () => Promise<ServersCpu>;
}

async function timeAll(contest: ScaleContest, place: ScalePlace, { cwd, env, store, serversCpu }: Where): Promise<readonly ScaleResult[]> {
  const { builds, snapshots, runs, signal } = contest;
  // As verifications leave them, one after sixteen. Of a copy of the store those of before say nothing.
  const [first] = builds;
  contest.progress(`scale in ${place}: segments of the catalog`);
  await runProgram(process.execPath, [first?.program ?? "", "catalog", "prod"], { env, cwd });
  const segments = (await readdir(join(store, "clusters/prod/catalog"))).length;
  const results: { place: ScalePlace; command: string; build: string; run: Command; runs: ScaleUsage[] }[] = [];
  const skipped: ScaleResult[] = [];
  for (const { name, args, argsOfBase = args, counted, mayFailInBase = false } of COMMANDS) {
    for (const build of builds) {
      const run = { program: process.execPath, args: [build.program, ...(build.name === "base" ? argsOfBase : args)], cwd, env };
      contest.progress(`scale in ${place}: ${name} by ${build.name}, checked`);
      // A lineage and the segments besides.
      const expected = name === "custody --verify" ? 2 * snapshots + 1 + segments : snapshots;
      const mayFail = build.name === "base" && mayFailInBase;
      const count = await countBy(() => measure(run, signal), counted).catch((error: unknown) => {
        signal.throwIfAborted();
        if (mayFail) return undefined;
        throw error;
      });
      if (mayFail && count !== expected) {
        contest.progress(`scale in ${place}: ${name} by ${build.name} is skipped: it does not read what this build writes`);
        skipped.push({ place, command: name, build: build.name, runs: [] });
        continue;
      }
      if (count !== expected) throw new Error(`${name} by ${build.name} tells of ${count} in place of ${expected}`);
      results.push({ place, command: name, build: build.name, run, runs: [] });
    }
  }
  for (let round = 0; round < runs; round++) {
    for (const entrant of rotated(results, round)) {
      contest.progress(`scale in ${place}: round ${round + 1} of ${runs}: ${entrant.command} by ${entrant.build}`);
      const before = await serversCpu?.();
      const { usage } = await measure(entrant.run, signal);
      const after = await serversCpu?.();
      entrant.runs.push(before === undefined || after === undefined ? usage : { ...usage, others: between(before, after) });
    }
  }
  return [...results.map(({ command, build, runs: usages }) => ({ place, command, build, runs: usages })), ...skipped];
}

async function countBy(run: () => Promise<{ readonly stdout: string }>, counted: Timed["counted"]): Promise<number> {
  return counted(JSON.parse((await run()).stdout));
}

function between(before: ServersCpu, after: ServersCpu): ServersCpu {
  return { gateway: after.gateway - before.gateway, proxy: after.proxy - before.proxy };
}

/** Medians; the ratio is to the last build in the list, which is the one that others are held against. */
export function scaleReport(snapshots: number, results: readonly ScaleResult[]): string {
  const of = ({ runs }: ScaleResult, figure: (usage: ScaleUsage) => number): number => median(runs.map(figure));
  const rows = results.map((result) => {
    const name = result.place === "folder" ? result.command : `${result.command}, S3`;
    if (result.runs.length === 0) return [name, result.build, "cannot read it", "", "", "", ""];
    const base =
      results.findLast(({ command, place, runs }) => command === result.command && place === result.place && runs.length > 0) ?? result;
    const wall = of(result, ({ wallSeconds }) => wallSeconds);
    return [
      name,
      result.build,
      wall.toFixed(2),
      (of(base, ({ wallSeconds }) => wallSeconds) / wall).toFixed(1),
      of(result, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
      result.place === "folder"
        ? ""
        : result.runs.every(({ others }) => others === undefined)
          ? ""
          : `${of(result, ({ others }) => others?.gateway ?? 0).toFixed(1)} and ${of(result, ({ others }) => others?.proxy ?? 0).toFixed(1)}`,
      (of(result, ({ peakRssKib }) => peakRssKib * 1024) / 1e6).toFixed(0),
    ];
  });
  return markdownTable([`${snapshots} snapshots`, "build", "wall", "times as fast", "CPU", "CPU of gateway and proxy", "peak RSS"], rows);
}

type Row = Readonly<Record<string, unknown>>;

function countIn(out: unknown, field: string, counts: (row: Row) => boolean): number {
  const rows = (out as Row)[field];
  if (!Array.isArray(rows)) throw new Error(`there is no ${field} in the output`);
  return (rows as readonly Row[]).filter(counts).length;
}
