import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clusterPrefix, dataPrefix, snapshotsPrefix, verifiedPrefix } from "../shared/documents/layout.ts";
import { startLargeBucket } from "./large-bucket.ts";
import { measure } from "./measure.ts";
import type { Usage } from "./measure.ts";
import type { ScaleContest, ScalePlace, ScaleResult } from "./scale.ts";

/** What removes: each run on a copy of its own, and held against what the store itself lists afterwards. Builds of before `prune` have nothing beside it, so one is timed. */

const CLUSTER = "prod";
/** Of 10,000 snapshots a tenth: less than the quarter at which a prune waits for a person. */
const PART = 10;

interface Build {
  readonly name: string;
  readonly program: string;
}

/** A store that a run may change, and a way to see what it left. */
interface Copy extends AsyncDisposable {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly listKeys: () => Promise<ReadonlySet<string>>;
}

/** In a folder the first prune by the retention that `init` writes, which removes nearly all; in S3 an order to remove a tenth, and its execution. */
export async function timeRemovals(
  contest: ScaleContest,
  place: ScalePlace,
  build: Build,
  env: NodeJS.ProcessEnv,
): Promise<readonly ScaleResult[]> {
  const { snapshots, runs } = contest;
  const timed = new Map<string, Usage[]>();
  const tenth = Math.floor(snapshots / PART);
  for (let round = 1; round <= runs; round++) {
    contest.progress(`scale in ${place}: round ${round} of ${runs}: removals by ${build.name}, on a fresh copy`);
    await using copy = place === "folder" ? await copyFolder(contest.folder, env) : await copyIntoBucket(contest.folder, env);
    const usages = place === "folder" ? await firstPrune(contest, build, copy) : await removeTenth(contest, build, copy, tenth);
    for (const [name, usage] of usages) timed.set(name, [...(timed.get(name) ?? []), usage]);
  }
  return [...timed].map(([command, usages]) => ({ place, command, build: build.name, runs: usages }));
}

type Timings = readonly (readonly [command: string, usage: Usage])[];

async function firstPrune(contest: ScaleContest, build: Build, copy: Copy): Promise<Timings> {
  const { usage, out } = await prune(contest, build, copy, ["--although", "many"]);
  if (out.remove < contest.snapshots / 2) throw new Error(`the first prune removes ${out.remove}: that is no first prune`);
  await requireLeft(contest, copy, out);
  return [[`first prune, of ${out.remove}`, usage]];
}

async function removeTenth(contest: ScaleContest, build: Build, copy: Copy, tenth: number): Promise<Timings> {
  await keepNewest(join(copy.folder, "lifeboat.yaml"), contest.snapshots - tenth);
  const ordered = await prune(contest, build, copy, ["--order"]);
  if (ordered.out.remove !== tenth) throw new Error(`${ordered.out.remove} are to go in place of ${tenth}`);
  const { usage, out } = await prune(contest, build, copy, ["--execute"]);
  if (out.execution?.removed.length !== tenth)
    throw new Error(`${out.execution?.removed.length ?? "none"} were removed in place of ${tenth}`);
  await requireLeft(contest, copy, { keep: contest.snapshots - tenth });
  return [
    [`prune --order of ${tenth}`, ordered.usage],
    [`prune --execute of ${tenth}`, usage],
  ];
}

interface Pruned {
  readonly keep: number;
  readonly remove: number;
  readonly execution: { readonly removed: readonly unknown[] } | null;
}

async function prune(
  { signal }: ScaleContest,
  { program }: Build,
  { folder, env }: Copy,
  args: readonly string[],
): Promise<{ readonly usage: Usage; readonly out: Pruned }> {
  const command = { program: process.execPath, args: [program, "prune", CLUSTER, "--json", ...args], cwd: folder, env };
  const { usage, stdout } = await measure(command, signal);
  return { usage, out: JSON.parse(stdout) as Pruned };
}

/** Of each snapshot that is kept its manifest, its countersignature and its data, and nothing of the others: by the store's listing, and not by the command's word. */
async function requireLeft({ snapshots }: ScaleContest, copy: Copy, { keep }: Pick<Pruned, "keep">): Promise<void> {
  const keys = [...(await copy.listKeys())].filter((key) => key.startsWith(clusterPrefix(CLUSTER)));
  for (const prefix of [snapshotsPrefix(CLUSTER), verifiedPrefix(CLUSTER), dataPrefix(CLUSTER)]) {
    const left = keys.filter((key) => key.startsWith(prefix)).length;
    if (left !== keep) throw new Error(`${left} objects are left in ${prefix} in place of ${keep} of ${snapshots}`);
  }
}

/** In place of the steps that `init` writes: so many of the newest, and no others. */
async function keepNewest(file: string, count: number): Promise<void> {
  const text = await readFile(file, "utf8");
  const changed = text
    .replace(/^( +latest: )\d+$/m, `$1${count}`)
    .replaceAll(/^( +(?:hourly|daily|weekly|monthly|annual): )\d+$/gm, (_, name: string) => `${name}0`);
  if (changed === text) throw new Error("the configuration has no retention as it had");
  await writeFile(file, changed);
}

async function copyFolder(source: string, env: NodeJS.ProcessEnv): Promise<Copy> {
  const folder = await mkdtemp(join(source, "copy-"));
  for (const name of ["vault", "keys", "lifeboat.yaml"]) await cp(join(source, name), join(folder, name), { recursive: true });
  return {
    folder,
    env,
    listKeys: async () => new Set(await readdir(join(folder, "vault"), { recursive: true })),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function copyIntoBucket(source: string, env: NodeJS.ProcessEnv): Promise<Copy> {
  const bucket = await startLargeBucket(source, { versions: true });
  const { folder, environment, listKeys } = bucket;
  return { folder, env: { ...env, ...environment }, listKeys, [Symbol.asyncDispose]: () => bucket[Symbol.asyncDispose]() };
}
