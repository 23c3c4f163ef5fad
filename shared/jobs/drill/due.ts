import type { DrillFact } from "../../audit/facts.ts";

/** A cluster, and what is known of its drills. */
export interface DrillState {
  readonly cluster: string;
  /** `drill.every` of the configuration; undefined where nobody asks for drills. */
  readonly everyMs: number | undefined;
  readonly last: DrillFact | undefined;
}

/** A drill that failed is tried again after a day: what it found may have been of its machine. */
const AGAIN_MS = 86_400_000;

/** The clusters whose next drill is due at `nowMs`, in the order in which they are to be drilled: those never drilled first, then by how long they are due. Pure. */
export function dueDrills(states: readonly DrillState[], nowMs: number): readonly string[] {
  const due = states.flatMap(({ cluster, everyMs, last }) => {
    if (everyMs === undefined) return [];
    if (last === undefined) return [{ cluster, since: -Infinity }];
    const since = last.at + (last.ok ? everyMs : Math.min(everyMs, AGAIN_MS));
    return since <= nowMs ? [{ cluster, since }] : [];
  });
  return due.toSorted((one, other) => one.since - other.since || (one.cluster < other.cluster ? -1 : 1)).map(({ cluster }) => cluster);
}
