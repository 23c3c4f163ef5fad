import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { runProgram } from "../tools/lab/run-program.ts";
import type { LoadedEtcd, Size } from "./cluster.ts";
import { measure } from "./measure.ts";
import type { Command, Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

export interface StatusResult {
  readonly name: string;
  readonly runs: readonly Usage[];
}

export interface StatusContest {
  readonly etcd: LoadedEtcd;
  readonly runs: number;
  /** Path of the built program, for Node. */
  readonly lifeboat: string;
  /** An empty folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

/** What both must agree on. */
const Etcdutl = z.object({ hash: z.number(), revision: z.number(), totalKey: z.number(), totalSize: z.number(), version: z.string() });
const Lifeboat = z.object({
  hash: z.number(),
  revision: z.number(),
  keys: z.object({ live: z.number() }),
  size: z.number(),
  version: z.string(),
  trailer: z.literal("ok"),
  tree: z.literal("whole"),
});

/**
 * `lifeboat status` beside `etcdutl snapshot status` on one snapshot file that is in the page cache: once each to check that both tell the same, then in
 * turns. Throws where they do not.
 */
export async function holdStatus(contest: StatusContest): Promise<readonly StatusResult[]> {
  const { etcd, runs, lifeboat, folder, signal } = contest;
  const file = join(folder, "snapshot.db");
  const env = { PATH: process.env["PATH"] };
  await runProgram(etcd.programs.etcdctl, ["--endpoints", `http://127.0.0.1:${etcd.plainPort}`, "snapshot", "save", file], { env });
  await runProgram("sync", ["-f", folder], { env });
  const command = (program: string, args: readonly string[]): Command => ({ program, args, cwd: folder, env });
  const entrants = [
    {
      name: "etcdutl snapshot status",
      command: command(etcd.programs.etcdutl, ["snapshot", "status", file, "-w", "json"]),
      told(stdout: string) {
        const { hash, revision, totalKey, totalSize, version } = Etcdutl.parse(JSON.parse(stdout));
        return [hash, revision, totalKey, totalSize, version].join(" ");
      },
      runs: [] as Usage[],
    },
    {
      name: "lifeboat status",
      command: command(process.execPath, [lifeboat, "status", file, "--json"]),
      told(stdout: string) {
        const { hash, revision, keys, size, version } = Lifeboat.parse(JSON.parse(stdout));
        return [hash, revision, keys.live, size, version].join(" ");
      },
      runs: [] as Usage[],
    },
  ];
  const told = new Set<string>();
  for (const entrant of entrants) told.add(entrant.told((await measure(entrant.command, signal)).stdout));
  if (told.size !== 1) throw new Error(`etcdutl and lifeboat tell two things of one snapshot: ${[...told].join(" and ")}`);
  for (let round = 0; round < runs; round++) {
    for (const entrant of rotated(entrants, round)) {
      contest.progress(`status: round ${round + 1} of ${runs}: ${entrant.name}`);
      entrant.runs.push((await measure(entrant.command, signal)).usage);
    }
  }
  await rm(file);
  return entrants.map(({ name, runs: usages }) => ({ name, runs: usages }));
}

/** A table under a heading: seconds, and sizes in 10^6 bytes; medians but for the range. */
export function statusReport(size: Size, results: readonly StatusResult[]): string {
  const of = ({ runs }: StatusResult, figure: (usage: Usage) => number): number => median(runs.map(figure));
  const first = results[0];
  const baseline = first === undefined ? 0 : of(first, (usage) => usage.wallSeconds);
  const rows = results.map((result) => {
    const walls = result.runs.map(({ wallSeconds }) => wallSeconds);
    return [
      result.name,
      median(walls).toFixed(2),
      `${Math.min(...walls).toFixed(2)}-${Math.max(...walls).toFixed(2)}`,
      (median(walls) / baseline).toFixed(2),
      of(result, (usage) => usage.cpuSeconds).toFixed(2),
      (of(result, (usage) => usage.peakRssKib * 1024) / 1e6).toFixed(0),
    ];
  });
  return markdownTable([`${size} MB, a file`, "wall", "from-to", "ratio", "CPU", "peak RSS"], rows);
}
