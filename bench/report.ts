import type { Size } from "./cluster.ts";
import type { Result, Run } from "./contest.ts";
import type { Way } from "./options.ts";
import { median } from "./statistics.ts";
import { markdownTable } from "./table.ts";

/**
 * The results of one contest as a table under a heading. Times are seconds, sizes 10^6 bytes, all of them medians but for the range. The ratio is of wall times without HashKV,
 * which is a column of its own.
 */
export function reportOf(size: Size, way: Way, results: readonly Result[]): string {
  const first = results[0];
  const of = (result: Result, figure: (run: Run) => number): number => median(result.runs.map(figure));
  const baseline = first === undefined ? 0 : of(first, ownSeconds);
  const rows = results.map((result) => {
    const walls = result.runs.map((run) => run.wallSeconds);
    const wall = median(walls);
    return [
      result.name,
      wall.toFixed(2),
      `${Math.min(...walls).toFixed(2)}-${Math.max(...walls).toFixed(2)}`,
      of(result, (run) => run.hashKvSeconds).toFixed(2),
      (of(result, ownSeconds) / baseline).toFixed(2),
      of(result, (run) => run.cpuSeconds).toFixed(2),
      of(result, (run) => run.etcdCpuSeconds).toFixed(2),
      ...(way.endsWith("delayed") ? [of(result, (run) => run.proxyCpuSeconds).toFixed(2)] : []),
      (of(result, (run) => run.peakRssKib * 1024) / 1e6).toFixed(0),
      (of(result, (run) => run.storedBytes) / 1e6).toFixed(0),
    ];
  });
  const proxy = way.endsWith("delayed") ? ["proxy's CPU"] : [];
  const header = [`${size} MB, ${way}`, "wall", "from-to", "HashKV", "ratio", "CPU", "etcd's CPU", ...proxy, "peak RSS", "files left"];
  return markdownTable(header, rows);
}

function ownSeconds({ wallSeconds, hashKvSeconds }: Run): number {
  return wallSeconds - hashKvSeconds;
}
