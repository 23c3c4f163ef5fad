import type { SnapshotInput } from "../../input/snapshot-input.ts";
import { Comparison } from "../../snapshot/comparison.ts";
import type { ChangeKind } from "../../snapshot/comparison.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import { lookThrough, readAgain } from "./look-through.ts";
import type { Look, LookPorts } from "./look-through.ts";

/** A key that two states do not have in common. Revisions are the mod_revisions of its entries; undefined where there is none. */
export interface Change {
  readonly kind: ChangeKind;
  /** Valid until the next change is asked for. */
  readonly key: Uint8Array;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

export interface Difference {
  readonly counts: Readonly<Record<ChangeKind, number>>;
  /** Keys that are in both, with the same value at the same revision. */
  readonly same: number;
  /** In the order of keys; false where they are too many to be kept, so that they come as they lie in the snapshots. */
  readonly isInOrder: boolean;
  readonly changes: AsyncIterable<Change>;
}

export interface DiffRequest {
  readonly isWanted: KeyTest;
  /** What the keys of each side may take of memory: 64 MiB unless it is given. */
  readonly keptBytes?: number;
}

/** A change by the numbers of its entries. */
interface Found {
  readonly kind: ChangeKind;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** The state that a snapshot holds, to be compared. */
export async function stateOf(input: SnapshotInput, { isWanted, keptBytes }: DiffRequest, ports: LookPorts): Promise<Look> {
  return lookThrough(
    input,
    { matches: isWanted, valueBytes: 0, digestsValues: true, ...(keptBytes !== undefined && { keptBytes }) },
    ports,
  );
}

/** What is other in `after` than in `before`, both of which are given to `stateOf` with one request. */
export function differenceOf(before: Look, after: Look, ports: LookPorts): Difference {
  const comparison = new Comparison(before.matches);
  const found: Found[] = [];
  const counts = { added: 0, removed: 0, changed: 0, rewritten: 0 };
  const add = (change: Found): void => {
    counts[change.kind]++;
    found.push(change);
  };
  for (const entry of after.matches.entries) {
    const meeting = comparison.meet(after.matches.facts(entry), after.matches.entry(entry)?.key);
    if (meeting.kind !== "same") add({ kind: meeting.kind, before: "before" in meeting ? meeting.before : undefined, after: entry });
  }
  for (const entry of comparison.missing()) add({ kind: "removed", before: entry, after: undefined });
  const isInOrder = !before.matches.isCut && !after.matches.isCut;
  return {
    counts,
    same: after.matches.entries.length - counts.added - counts.changed - counts.rewritten,
    isInOrder,
    changes: isInOrder ? kept(before, after, found) : again(before, after, found, ports),
  };
}

// oxlint-disable-next-line typescript/require-await -- as what is read again
async function* kept(
  { matches: earlier }: Look,
  { matches: later }: Look,
  found: readonly Found[],
): AsyncGenerator<Change, void, undefined> {
  const place = ({ before, after }: Found): readonly [typeof earlier, number] =>
    after === undefined ? [earlier, before ?? 0] : [later, after];
  const sorted = found.toSorted((a, b) => {
    const [[one, entry], [other, otherEntry]] = [place(a), place(b)];
    return one.compareKeys(entry, other, otherEntry);
  });
  for (const change of sorted) {
    const [matches, entry] = place(change);
    const key = matches.entry(entry)?.key;
    if (key !== undefined) yield { kind: change.kind, key, ...revisions(earlier, later, change) };
  }
}

/** From the snapshots themselves: first of the later one, then what is only in the earlier one. */
async function* again(before: Look, after: Look, found: readonly Found[], ports: LookPorts): AsyncGenerator<Change, void, undefined> {
  ports.progress.note("info", "the keys are too many to keep: those that changed are read a second time, in the order of the snapshots");
  const byAfter = new Map(found.flatMap((change) => (change.after === undefined ? [] : [[change.after, change] as const])));
  const byBefore = new Map(
    found.flatMap((change) => (change.after === undefined && change.before !== undefined ? [[change.before, change] as const] : [])),
  );
  for (const [look, changes] of [
    [after, byAfter],
    [before, byBefore],
  ] as const)
    for await (const { key, number } of readAgain(look, ports, (entry) => changes.has(entry))) {
      const change = changes.get(number);
      if (change !== undefined) yield { kind: change.kind, key, ...revisions(before.matches, after.matches, change) };
    }
}

function revisions(earlier: Look["matches"], later: Look["matches"], { before, after }: Found): Pick<Change, "before" | "after"> {
  return {
    before: before === undefined ? undefined : earlier.facts(before).revision,
    after: after === undefined ? undefined : later.facts(after).revision,
  };
}
