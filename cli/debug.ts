import { openDebugLog } from "../shared/debug-log.ts";
import type { DebugLog } from "../shared/debug-log.ts";
import type { Console } from "./console.ts";
import { printable } from "./format.ts";

/** The debug log on standard error: the seconds since the start, then what it is about. Lines are never broken, so that each can be searched for. */
export function debugOn({ stderr, clock }: Console): DebugLog {
  return openDebugLog((kind, line) => {
    stderr.write(`lifeboat: [${(clock.monotonicMs() / 1000).toFixed(3)} s] ${kind}: ${printable(line)}\n`);
  });
}
