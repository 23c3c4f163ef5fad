import { parseId, SKEW_MS } from "../documents/slot.ts";
import type { LineageFacts, SnapshotFacts } from "./facts.ts";

/** A snapshot's facts, and how far they are to be relied on. */
export interface Entry {
  readonly facts: SnapshotFacts;
  /** Of its id: orders those of one second. */
  readonly ordinal: number;
  /** What is not known of it, a sentence each. Where there is any it is kept, and displaces nothing. */
  readonly doubts: readonly string[];
}

/** Newest first, of one second by the suffix of the id. Throws where an id is given twice. */
export function entriesOf(snapshots: readonly SnapshotFacts[], lineages: ReadonlyMap<number, LineageFacts>, now: number): readonly Entry[] {
  const entries = snapshots
    .map((facts): Entry => {
      const slot = parseId(facts.id);
      return { facts, ordinal: slot?.ordinal ?? 0, doubts: doubtsOf(facts, slot?.slot.getTime(), lineages, now) };
    })
    .toSorted((one, other) => other.facts.time - one.facts.time || other.ordinal - one.ordinal || (one.facts.id < other.facts.id ? 1 : -1));
  const twice = entries.find(({ facts }, index) => entries[index + 1]?.facts.id === facts.id);
  if (twice !== undefined) throw new Error(`snapshot ${twice.facts.id} is given twice`);
  return entries;
}

function doubtsOf(
  { time, lineage, good, pinned, unknown }: SnapshotFacts,
  slot: number | undefined,
  lineages: ReadonlyMap<number, LineageFacts>,
  now: number,
): readonly string[] {
  const doubts = [...unknown];
  if (slot !== time) doubts.push("its id does not match its time");
  // Whoever can date a snapshot ahead would be the newest good one until then.
  if (time > now + SKEW_MS) doubts.push("it is in the future by this machine's clock");
  if (lineage === undefined) doubts.push("its lineage is not known");
  else if (!lineages.has(lineage)) doubts.push(`lineage ${lineage} is not known`);
  if (good === undefined) doubts.push("whether it is good is not known");
  if (pinned === "unknown") doubts.push("whether it is pinned is not known");
  return doubts;
}
