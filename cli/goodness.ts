import type { DebugLog } from "../shared/debug-log.ts";
import type { Lack } from "../shared/documents/good.ts";

/** What a person reads, and what JSON has, of whether a snapshot is good. */

/** In one or two words: `good`, or what it lacks most. */
export function wordFor(lacks: readonly Lack[]): string {
  const code = CODES.find((each) => lacks.some((lack) => lack.code === each));
  return code === undefined ? "good" : WORDS[code];
}

const WORDS = {
  future: "in the future",
  quarantine: "quarantine",
  unproven: "unproven",
  "not-confirmed": "not confirmed",
  "not-countersigned": "not verified",
} as const;
const CODES = ["future", "quarantine", "unproven", "not-confirmed", "not-countersigned"] as const;

/** `yes`, or `no: ` and why. */
export function explainGood(lacks: readonly Lack[]): string {
  return lacks.length === 0 ? "yes" : `no: ${reasonsIn(lacks)}`;
}

export function reasonsIn(lacks: readonly Lack[]): string {
  return lacks.map(({ reason }) => reason).join("; ");
}

export function goodJson(lacks: readonly Lack[]): { readonly good: boolean; readonly lacks: readonly string[] } {
  return { good: lacks.length === 0, lacks: lacks.map(({ reason }) => reason) };
}

/** Why a snapshot is good or not, for the debug log. */
export function debugLacks(debug: DebugLog | undefined, name: string, lacks: readonly Lack[]): void {
  debug?.log("decision", `${name} is ${lacks.length === 0 ? "good" : `not good: ${reasonsIn(lacks)}`}`);
}
