import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LoadedEtcd, Size } from "./cluster.ts";
import { measure } from "./measure.ts";
import type { Usage } from "./measure.ts";
import { median, rotated } from "./statistics.ts";
import { markdownTable } from "./table.ts";

/** What a contest of looking inside a snapshot is given. */
export interface LookContest {
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

/** What a run took, and what came over the wire for it, where that is counted. */
export type Took = Usage & { readonly movedBytes?: number };

export interface LookResult {
  readonly name: string;
  readonly runs: readonly Took[];
}

export interface Entrant {
  readonly name: string;
  /** In bash, into the file `out`. */
  readonly script: string;
  /** Throws where `out` is not what it should be. */
  readonly check: (out: Buffer) => void;
}

/**
 * Runs each of `entrants` once without counting, and then in turns, its output checked each time. Nothing is kept from run to run but the system's cache of files. `moved` tells how many bytes came over the wire until now.
 */
export async function takeTurns(
  { runs, folder, signal, progress }: LookContest,
  entrants: readonly Entrant[],
  env: NodeJS.ProcessEnv,
  moved?: () => number,
): Promise<readonly LookResult[]> {
  const once = async ({ name, script, check }: Entrant): Promise<Took> => {
    await rm(join(folder, "hand"), { recursive: true, force: true });
    await mkdir(join(folder, "hand"));
    const before = moved?.() ?? 0;
    const { usage } = await measure({ program: "bash", args: ["-euo", "pipefail", "-c", script], cwd: folder, env }, signal);
    try {
      check(await readFile(join(folder, "out")));
    } catch (error) {
      throw new Error(`${name} gave something else than it should`, { cause: error });
    }
    return { ...usage, ...(moved !== undefined && { movedBytes: moved() - before }) };
  };
  progress("look: each once, not counted");
  for (const entrant of entrants) await once(entrant);
  const results = entrants.map((entrant) => ({ entrant, name: entrant.name, runs: [] as Took[] }));
  for (let round = 0; round < runs; round++)
    for (const { entrant, runs: took } of rotated(results, round)) {
      progress(`look: round ${round + 1} of ${runs}: ${entrant.name}`);
      took.push(await once(entrant));
    }
  return results;
}

/** Throws where they are not the same bytes. */
export function requireEqual(actual: Buffer | string | number, expected: Buffer | string | number): void {
  const isEqual = Buffer.isBuffer(actual) && Buffer.isBuffer(expected) ? actual.equals(expected) : actual === expected;
  if (!isEqual) throw new Error(`it gave ${String(actual).slice(0, 200)} in place of ${String(expected).slice(0, 200)}`);
}

/** A table of medians: seconds, and sizes in 10^6 bytes. The ratio is to the first, which is done by hand. `where` says what the sizes are of. */
export function lookReport(where: string, results: readonly LookResult[]): string {
  const wallsOf = ({ runs }: LookResult): number[] => runs.map(({ wallSeconds }) => wallSeconds);
  const [first] = results;
  const byHand = first === undefined ? 1 : median(wallsOf(first));
  const isCounted = results.some(({ runs }) => runs.some(({ movedBytes }) => movedBytes !== undefined));
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
      ...(isCounted ? [(median(runs.map(({ movedBytes = 0 }) => movedBytes)) / 1e6).toFixed(2)] : []),
    ];
  });
  return markdownTable([where, "wall", "from-to", "ratio", "CPU", "peak RSS", ...(isCounted ? ["moved"] : [])], rows);
}
