import type { ScanResult } from "../../../shared/snapshot/scan-result.ts";
import { isDeepStrictEqual } from "node:util";
import { SeededRandom } from "../../support/seeded-random.ts";
import { facts, scanned } from "../support/scanned.ts";
import { complaint } from "./judge.ts";
import type { Sample } from "./judge.ts";
import { mutated } from "./mutate.ts";

export interface FuzzCounts {
  runs: number;
  /** By `whole` or the finding's code. */
  readonly outcomes: Record<string, number>;
}

/** An answer that must not be: enough to have it again. */
export interface Failure {
  /** Of this one run. */
  readonly seed: number;
  readonly sample: string;
  readonly complaint: string;
  readonly bytes: Buffer;
}

export interface FuzzRun {
  readonly seed: number;
  readonly bytes: Buffer;
  readonly result: ScanResult;
}

/** One run: a sample chosen and changed by `seed`, and what the scan makes of it. */
export function fuzzOnce(samples: readonly Sample[], seed: number): FuzzRun | Failure {
  const random = new SeededRandom(seed);
  const sample = random.pick(samples);
  const bytes = mutated(sample.bytes, sample.plain, random);
  const failed = (text: string): Failure => ({ seed, sample: sample.name, complaint: text, bytes });
  let result: ScanResult;
  try {
    result = scanned(bytes);
    const inPieces = scanned(bytes, [random.below(1, 9000), random.below(1, 200_000)]);
    if (!isDeepStrictEqual(facts(inPieces), facts(result))) return failed("in pieces the scan says something else");
  } catch (error) {
    return failed(`the scan throws: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  const text = complaint(sample, bytes, result, random);
  return text === undefined ? { seed, bytes, result } : failed(text);
}

/** Runs with the seeds from `seed` on, for as long as `goesOn` says; throws nothing, and stops at the first failure. */
export async function fuzz(
  samples: readonly Sample[],
  seed: number,
  goesOn: (counts: FuzzCounts) => boolean,
  look: (run: FuzzRun) => Promise<string | undefined> = () => Promise.resolve(undefined),
): Promise<{ readonly counts: FuzzCounts; readonly failure: Failure | undefined }> {
  const counts: FuzzCounts = { runs: 0, outcomes: {} };
  for (let next = seed >>> 0; goesOn(counts); next = (next + 1) >>> 0) {
    const run = fuzzOnce(samples, next);
    if (!("result" in run)) return { counts, failure: run };
    counts.runs++;
    counts.outcomes[run.result.tree] = (counts.outcomes[run.result.tree] ?? 0) + 1;
    const text = await look(run);
    if (text !== undefined) return { counts, failure: { seed: next, sample: "", complaint: text, bytes: run.bytes } };
  }
  return { counts, failure: undefined };
}
