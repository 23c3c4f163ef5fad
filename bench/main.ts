import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { requireEtcd } from "../tools/lab/etcd-programs.ts";
import { temporaryFolder } from "../tools/lab/temporary-folder.ts";
import { buildLifeboat } from "./build.ts";
import { bundleReport, holdBundle } from "./bundle.ts";
import { startLoadedEtcd } from "./cluster.ts";
import type { Size } from "./cluster.ts";
import { hold } from "./contest.ts";
import type { Result } from "./contest.ts";
import { fleetReport, holdFleet } from "./fleet.ts";
import { holdKopia, kopiaReport } from "./kopia.ts";
import { holdLook } from "./look.ts";
import { lookReport } from "./look-contest.ts";
import { holdLookIndex } from "./look-index.ts";
import { describeMachine } from "./machine.ts";
import { parseOptions, USAGE } from "./options.ts";
import type { Options } from "./options.ts";
import { SPLITTERS } from "../shared/store/kopia/program/kopia.ts";
import { holdSplitters, splittersReport } from "./splitters.ts";
import { holdRestore, restoreReport } from "./restore.ts";
import { holdStatus, statusReport } from "./status.ts";
import type { StatusResult } from "./status.ts";
import { holdScale, scaleReport } from "./scale.ts";
import { reportOf } from "./report.ts";
import { holdStartup, startupReport } from "./startup.ts";
import type { StartupResult } from "./startup.ts";

/** `npm run bench`: backups and a status by lifeboat beside what people use without it, on one machine in turns. Linux only: it reads /proc. */

const BIN = fileURLToPath(new URL("../tools/bin/", import.meta.url));
const age = join(BIN, "age");
const ageKeygen = join(BIN, "age-keygen");
const unzstd = join(BIN, "unzstd");

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => stop.abort(new Error(`stopped by ${name}; what the bench started ends with it`)));

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else await bench(options, stop.signal);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = stop.signal.aborted ? 130 : 1;
}

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  await using folder = await temporaryFolder();
  const started = performance.now();
  const progress = (text: string): void => console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`);
  const from = process.env["INIT_CWD"] ?? process.cwd();
  const dataFolder = options.keep === undefined ? join(folder.path, "data") : resolve(from, options.keep);
  const machine = await describeMachine(folder.path, requireEtcd("3.6"), age);
  console.log(
    Object.entries({ ...machine, ...machine.versions, versions: undefined })
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
      .join("\n"),
  );

  const lifeboat = await buildLifeboat(folder.path);
  const contests: { readonly size: string; readonly way: string; readonly results: readonly Result[] }[] = [];
  const statuses: { readonly size: string; readonly results: readonly StatusResult[] }[] = [];
  const builds = [{ name: "this", program: lifeboat }];
  if (options.base !== undefined) builds.push({ name: "base", program: join(resolve(from, options.base), "dist/cli/main.js") });
  const { scale } = options;
  let startups: readonly StartupResult[] = [];
  if (options.startup) {
    const arena = join(folder.path, "startup");
    await mkdir(arena);
    startups = await holdStartup({ builds, runs: options.runs, folder: arena, signal, progress });
    console.log(`\n${startupReport(startups)}`);
  }
  if (scale !== undefined) {
    const arena = join(folder.path, "scale");
    await mkdir(arena);
    const { runs, scalePlaces: places } = options;
    const results = await holdScale({ builds, snapshots: scale, places, runs, folder: arena, signal, progress });
    console.log(`\n${scaleReport(scale, results)}`);
  }
  const { fleet } = options;
  if (fleet !== undefined) {
    const arena = join(folder.path, "fleet");
    await mkdir(arena);
    const base = builds.find(({ name }) => name === "base")?.program;
    const results = await holdFleet({ program: lifeboat, base, ...fleet, runs: options.runs, folder: arena, signal, progress });
    console.log(`\n${fleetReport(fleet, results)}`);
  }
  for (const size of options.backups ||
  options.status ||
  options.bundle ||
  options.restore ||
  options.look ||
  options.lookIndex ||
  options.kopia
    ? options.sizes
    : []) {
    const etcdFolder = join(folder.path, `etcd-${size}`);
    await mkdir(etcdFolder);
    const etcd = await startLoadedEtcd({ size, folder: etcdFolder, dataFolder, signal, progress });
    try {
      for (const way of options.backups ? options.ways : []) {
        const arenas = join(folder.path, `${size}-${way}`);
        await mkdir(arenas);
        const { contestants, runs } = options;
        const results = await hold({
          etcd,
          way,
          contestants,
          runs,
          lifeboat,
          age,
          ageKeygen,
          folder: arenas,
          signal,
          progress,
        });
        contests.push({ size, way, results });
        console.log(`\n${reportOf(size, way, results)}`);
        await rm(arenas, { recursive: true });
      }
      if (options.bundle) {
        const arena = join(folder.path, `${size}-bundle`);
        await mkdir(arena);
        const results = await holdBundle({ etcd, runs: options.runs, lifeboat, ageKeygen, folder: arena, signal, progress });
        console.log(`\n${bundleReport(size, results)}`);
        await rm(arena, { recursive: true });
      }
      if (options.kopia) await benchKopia(options, { size, etcd, lifeboat, folder: join(folder.path, `${size}-kopia`), signal, progress });
      if (options.restore) {
        const arena = join(folder.path, `${size}-restore`);
        await mkdir(arena);
        const results = await holdRestore({ etcd, runs: options.runs, lifeboat, ageKeygen, folder: arena, signal, progress });
        console.log(`\n${restoreReport(size, results)}`);
        await rm(arena, { recursive: true });
      }
      if (options.look) {
        const arena = join(folder.path, `${size}-look`);
        await mkdir(arena);
        const results = await holdLook({ etcd, size, runs: options.runs, lifeboat, age, unzstd, folder: arena, signal, progress });
        console.log(`\n${lookReport(`${size} MB, stored`, results)}`);
        await rm(arena, { recursive: true });
      }
      if (options.lookIndex) {
        const arena = join(folder.path, `${size}-look-index`);
        await mkdir(arena);
        const results = await holdLookIndex({ etcd, size, runs: options.runs, lifeboat, age, unzstd, folder: arena, signal, progress });
        console.log(`\n${lookReport(`${size} MB, in S3`, results)}`);
        await rm(arena, { recursive: true });
      }
      if (!options.status) continue;
      const results = await holdStatus({ etcd, runs: options.runs, lifeboat, folder: etcdFolder, signal, progress });
      statuses.push({ size, results });
      console.log(`\n${statusReport(size, results)}`);
    } finally {
      await etcd.stop();
    }
  }
  if (options.json !== undefined)
    await writeFile(resolve(from, options.json), `${JSON.stringify({ machine, startups, contests, statuses }, undefined, 2)}\n`);
}

/** The backups, then the splitters. */
async function benchKopia(
  options: Options,
  {
    size,
    folder,
    ...rest
  }: Pick<Parameters<typeof holdKopia>[0], "etcd" | "lifeboat" | "folder" | "signal" | "progress"> & { readonly size: Size },
): Promise<void> {
  const { LIFEBOAT_TEST_KOPIA: kopia = "" } = process.env;
  if (kopia === "") throw new Error("LIFEBOAT_TEST_KOPIA names no kopia");
  const [backups, splitters] = [join(folder, "backups"), join(folder, "splitters")];
  for (const path of [folder, backups, splitters]) await mkdir(path);
  console.log(`\n${kopiaReport(size, await holdKopia({ ...rest, runs: options.runs, kopia, folder: backups }))}`);
  await rm(backups, { recursive: true });
  const { signal, progress } = rest;
  console.log(
    `\n${splittersReport(size, await holdSplitters({ size, splitters: SPLITTERS, kopia, folder: splitters, signal, progress }))}`,
  );
  await rm(folder, { recursive: true });
}
