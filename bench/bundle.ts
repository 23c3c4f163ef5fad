import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { runProgram } from "../tools/lab/run-program.ts";
import type { LoadedEtcd, Size } from "./cluster.ts";
import { startLargeBucket } from "./large-bucket.ts";
import { measure } from "./measure.ts";
import type { Command, Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

export interface BundleContest {
  readonly etcd: LoadedEtcd;
  readonly runs: number;
  /** Path of the built program, for Node. */
  readonly lifeboat: string;
  readonly ageKeygen: string;
  /** An empty folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export interface BundleResult {
  readonly name: string;
  readonly runs: readonly Usage[];
  /** What came from a store in S3 for it; undefined where that was not counted. */
  readonly bytesFromStore: number | undefined;
}

const Made = z.object({
  controls: z.array(z.object({ file: z.string(), digest: z.string() })).length(1),
  payload: z.object({ bytes: z.number() }),
  bundleKey: z.string(),
});
const Exported = z.object({ sha256: z.string(), file: z.string() });

/**
 * `lifeboat bundle` beside `lifeboat export` of one snapshot in a directory store, in turns; and what a bundle reads from a store in S3. Each output is checked first: the bundle by openssl against the fingerprint in the configuration, the file by its digest. Throws where
 * one is not right.
 */
export async function holdBundle({
  etcd,
  runs,
  lifeboat,
  ageKeygen,
  folder,
  signal,
  progress,
}: BundleContest): Promise<readonly BundleResult[]> {
  const env = { PATH: process.env["PATH"], HOME: folder, XDG_RUNTIME_DIR: folder };
  const run = (...args: readonly string[]): Promise<string> => runProgram(process.execPath, [lifeboat, ...args], { env, cwd: folder });
  await run("init", "--cluster", "prod", "--endpoint", `http://127.0.0.1:${etcd.plainPort}`);
  await runProgram(ageKeygen, ["-o", join(folder, "node.key")], { env, cwd: folder });
  const recipient = /age1\S+/.exec(await readFile(join(folder, "node.key"), "utf8"))?.[0] ?? "";
  const text = await readFile(join(folder, "lifeboat.yaml"), "utf8");
  await writeFile(join(folder, "lifeboat.yaml"), `${text}recipients: { node: ${recipient} }\n`);
  progress("bundle: a backup, verified");
  await run("backup", "prod", "--quiet");
  await run("verify", "prod/latest", "--deep", "--quiet");
  const command = (...args: readonly string[]): Command => ({ program: process.execPath, args: [lifeboat, ...args], cwd: folder, env });
  const bundle = command("bundle", "prod", "--recipient", "node", "--out", "out", "--json");
  const entrants = [
    {
      name: "lifeboat export",
      command: command("export", "prod/good", "--out", "snapshot.db", "--json"),
      made: "snapshot.db",
      check: (out: string) => requireExported(out),
      runs: [] as Usage[],
    },
    {
      name: "lifeboat bundle",
      command: bundle,
      made: "out",
      check: (out: string) => requireSigned(out, join(folder, "out"), text),
      runs: [] as Usage[],
    },
  ];
  const timed = async (entrant: (typeof entrants)[number]): Promise<Usage> => {
    const { usage, stdout } = await measure(entrant.command, signal);
    await entrant.check(stdout);
    await rm(join(folder, entrant.made), { recursive: true });
    return usage;
  };
  // The first run keeps its compiled code, and is not counted.
  for (const entrant of entrants) await timed(entrant);
  for (let round = 0; round < runs; round++) {
    for (const entrant of rotated(entrants, round)) {
      progress(`bundle: round ${round + 1} of ${runs}: ${entrant.name}`);
      entrant.runs.push(await timed(entrant));
    }
  }
  progress("bundle: from S3, counted");
  await using bucket = await startLargeBucket(folder, { delayMs: 0 });
  const before = bucket.received();
  const inBucket = { ...bundle, cwd: bucket.folder, env: { ...env, ...bucket.environment } };
  await requireSigned((await measure(inBucket, signal)).stdout, join(bucket.folder, "out"), text);
  const bytesFromStore = bucket.received() - before;
  return entrants.map(({ name, runs: usages }) => ({
    name,
    runs: usages,
    bytesFromStore: name === "lifeboat bundle" ? bytesFromStore : undefined,
  }));
}

async function requireExported(out: string): Promise<void> {
  const { sha256, file } = Exported.parse(JSON.parse(out));
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  if (sha256 !== `sha256:${hash.digest("hex")}`) throw new Error("the exported file is not what lifeboat says");
}

async function requireSigned(out: string, folder: string, configuration: string): Promise<void> {
  const { controls, bundleKey } = Made.parse(JSON.parse(out));
  if (!configuration.includes(bundleKey)) throw new Error("the bundle is signed by another key than the configuration has");
  const tar = controls[0]?.file ?? "";
  const said = await runProgram("openssl", ["dgst", "-sha256", "-verify", "bundle.pub", "-signature", `${tar}.sig`, tar], {
    env: process.env,
    cwd: folder,
  });
  if (said.trim() !== "Verified OK") throw new Error(`openssl says of the bundle: ${said}`);
}

/** A table: seconds, and sizes in 10^6 bytes; medians. The ratio is to the export. */
export function bundleReport(size: Size, results: readonly BundleResult[]): string {
  const of = ({ runs }: BundleResult, figure: (usage: Usage) => number): number => median(runs.map(figure));
  const baseline = results[0] === undefined ? 0 : of(results[0], ({ wallSeconds }) => wallSeconds);
  const rows = results.map((result) => {
    const wall = of(result, ({ wallSeconds }) => wallSeconds);
    return [
      result.name,
      wall.toFixed(2),
      (wall / baseline).toFixed(2),
      of(result, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
      (of(result, ({ peakRssKib }) => peakRssKib * 1024) / 1e6).toFixed(0),
      result.bytesFromStore === undefined ? "" : (result.bytesFromStore / 1e6).toFixed(3),
    ];
  });
  return markdownTable([`${size} MB`, "wall", "ratio", "CPU", "peak RSS", "MB read from S3"], rows);
}
