import { isDeepStrictEqual } from "node:util";
import type { ScanResult, WholeScan } from "../../../shared/snapshot/scan-result.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";
import { plainHashKv, plainLiveKeys, readPlainly } from "../support/plain-reader.ts";
import type { PlainDatabase } from "../support/plain-reader.ts";
import { facts, scanned } from "../support/scanned.ts";

/** A snapshot that is whole, and what each opinion on it is. */
export interface Sample {
  readonly name: string;
  readonly bytes: Buffer;
  readonly plain: PlainDatabase;
  readonly scan: WholeScan;
}

export function sampleOf(name: string, bytes: Buffer): Sample {
  const scan = scanned(bytes);
  if (scan.tree !== "whole") throw new Error(`${name} is not whole to begin with: ${scan.tree}: ${scan.message}`);
  return { name, bytes, plain: readPlainly(bytes), scan };
}

/** What is wrong with the scan's answer on `bytes`, which came of `sample`; undefined where nothing is. */
export function complaint(sample: Sample, bytes: Buffer, result: ScanResult, random: SeededRandom): string | undefined {
  const plain = opinion(bytes);
  if (result.tree !== "whole") {
    // The plain reader has no limits, and reads neither members nor what bucket meta says.
    const isAlone = result.tree === "tree/limit" || (result.tree === "tree/entry" && !result.message.includes("bucket key"));
    return plain === undefined || isAlone ? undefined : `it is whole, and the scan says ${result.tree}: ${result.message}`;
  }
  if (plain === undefined) return "it is not whole, and the scan says that it is";
  if (result.hash !== plain.hash) return `its hash is ${plain.hash}, and the scan says ${result.hash}`;
  if (result.keys.revisions !== plain.entries.length)
    return `it has ${plain.entries.length} revisions, and the scan says ${result.keys.revisions}`;
  const live = plainLiveKeys(plain.entries);
  if (result.keys.live !== live) return `it has ${live} live keys, and the scan says ${result.keys.live}`;
  return (
    wrongHashKv(result, plain, random) ??
    (isUnnoticed(sample, bytes, result) ? "what counts in it was changed, and the scan's answer is the same" : undefined)
  );
}

function opinion(bytes: Buffer): PlainDatabase | undefined {
  try {
    return readPlainly(bytes);
  } catch {
    return undefined;
  }
}

function wrongHashKv(result: WholeScan, { entries }: PlainDatabase, random: SeededRandom): string | undefined {
  const { lastRevision: last, compactRevision: own } = result;
  const revision = Math.max(own, last - random.below(8));
  const questions = [[last, own] as const, [revision, Math.max(own, revision - random.below(8))] as const];
  for (const [at, compacted] of questions) {
    const answer = result.hashKv(at, compacted);
    const hash = plainHashKv(entries, at, compacted);
    if (!("hash" in answer) || answer.hash !== hash)
      return `HashKV of ${at} and ${compacted} is ${hash}, and the scan says ${JSON.stringify(answer)}`;
  }
  return undefined;
}

/** Whether a byte that counts is another one, and all answers are as before. A lie in a meta page changes what counts. */
function isUnnoticed({ bytes: original, plain, scan }: Sample, bytes: Buffer, result: WholeScan): boolean {
  const { content, silent, pageBytes } = plain;
  const metas = 2 * pageBytes;
  if (bytes.length !== original.length || !bytes.subarray(0, metas).equals(original.subarray(0, metas))) return false;
  const changed = content.flatMap(([from, to]) => differences(original, bytes, from, to));
  const counts = changed.some((at) => !silent.some(([from, to]) => at >= from && at < to));
  return counts && isDeepStrictEqual(facts(result), facts(scan)) && isDeepStrictEqual(result.hashKv(), scan.hashKv());
}

function differences(one: Buffer, other: Buffer, from: number, to: number): number[] {
  const places: number[] = [];
  for (let at = from; at < to && places.length < 64; at++) if (one[at] !== other[at]) places.push(at);
  return places;
}
