import type { RangeEntry } from "../../etcd/etcd-source.ts";
import type { SnapshotInput } from "../../input/snapshot-input.ts";
import { Comparison } from "../../snapshot/comparison.ts";
import type { ChangeKind } from "../../snapshot/comparison.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import { valueDigest } from "../../snapshot/match-table.ts";
import type { EntryFilter } from "../../snapshot/match-table.ts";
import { UserKeyHash } from "../../snapshot/user-key-hash.ts";
import { lookThrough, readAgain } from "./look-through.ts";
import type { Look, LookPorts } from "./look-through.ts";
import type { FoundValue } from "./read-values.ts";

/** A key that two states do not have in common. Revisions are the mod_revisions of its entries; undefined where there is none. */
export interface Change {
  readonly kind: ChangeKind;
  /** Valid until the next change is asked for. */
  readonly key: Uint8Array;
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** Of one that was removed: the revision at which it was deleted, where the later snapshot still has that. */
  readonly deletedAt?: number | undefined;
  /** The later value, or where there is none the earlier one, as far as it is at hand. */
  readonly value?: Uint8Array;
}

export interface Difference {
  /** `same`: keys with the same value at the same revision. Of a live cluster they are known when the last change was handed out. */
  readonly counts: Readonly<Record<ChangeKind | "same", number>>;
  /** Whether all was read before the first change is asked for. */
  readonly isKept: boolean;
  /**
   * In the order of keys. Where they are too many to be kept they come as they lie in the snapshots, and of a live cluster what is missing there comes last.
   */
  readonly changes: AsyncIterable<Change>;
}

export interface DiffRequest {
  readonly isWanted: KeyTest;
  /** For which keys values are handed out with what is gone. */
  readonly keepsValue?: KeyTest;
  /** What the keys of each side may take of memory: 64 MiB unless it is given. */
  readonly keptBytes?: number;
}

/** A change by the numbers of its entries. */
interface Found {
  readonly kind: ChangeKind;
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly deletedAt?: number | undefined;
}

/** The state that a snapshot holds, to be compared. */
export async function stateOf(input: SnapshotInput, { isWanted, keepsValue, keptBytes }: DiffRequest, ports: LookPorts): Promise<Look> {
  const valueBytes: EntryFilter["valueBytes"] =
    keepsValue === undefined ? 0 : (bytes, start, end) => (keepsValue(bytes, start, end) ? Infinity : 0);
  const look = await lookThrough(
    input,
    { matches: isWanted, valueBytes, digestsValues: true, ...(keptBytes !== undefined && { keptBytes }) },
    ports,
  );
  // What is kept is not read again.
  if (!look.matches.isCut) for (const each of [look.matches, look.deleted]) each.forgetPlaces();
  return look;
}

/** What is other in `after` than in `before`, both of which are given to `stateOf` with one request. */
export function differenceOf(before: Look, after: Look, ports: LookPorts): Difference {
  const isKept = !before.matches.isCut && !after.matches.isCut;
  const comparison = new Comparison(before.matches);
  const found: Found[] = [];
  const counts = noneOf();
  for (const entry of after.matches.entries) {
    const isSameKey = (other: number): boolean => !isKept || before.matches.compareKeys(other, after.matches, entry) === 0;
    const meeting = comparison.meet(after.matches.facts(entry), isSameKey);
    counts[meeting.kind]++;
    if (meeting.kind !== "same") found.push({ kind: meeting.kind, before: meeting.before, after: entry });
  }
  const missing = comparison.missing();
  const tombstones = missing.length === 0 ? undefined : after.deleted.table();
  for (const entry of missing) {
    const { hashLow, hashHigh } = before.matches.facts(entry);
    const isSameKey = (other: number): boolean => !isKept || after.deleted.compareKeys(other, before.matches, entry) === 0;
    const tombstone = tombstones?.find(hashLow, hashHigh, isSameKey);
    const deletedAt = tombstone === undefined ? undefined : after.deleted.facts(tombstone).revision;
    found.push({ kind: "removed", before: entry, after: undefined, deletedAt });
  }
  counts.removed = missing.length;
  return { counts, isKept, changes: isKept ? kept(before, after, found) : again(before, after, found, ports) };
}

function noneOf(): Record<ChangeKind | "same", number> {
  return { added: 0, removed: 0, changed: 0, rewritten: 0, same: 0 };
}

/** What is other in a live cluster than in `before`. What changed is handed out as it comes. */
export function differenceToLive(before: Look, live: AsyncIterable<RangeEntry>, ports: LookPorts): Difference {
  const counts = noneOf();
  async function* changes(): AsyncGenerator<Change, void, undefined> {
    const comparison = new Comparison(before.matches);
    const hash = new UserKeyHash();
    for await (const { key, value, modRevision } of live) {
      hash.of(key, 0, key.length);
      const facts = { hashLow: hash.low, hashHigh: hash.high, revision: modRevision, digest: valueDigest(value) };
      const meeting = comparison.meet(facts, (entry) => before.matches.hasKey(entry, key));
      counts[meeting.kind]++;
      if (meeting.kind === "same") continue;
      const was = meeting.before === undefined ? undefined : before.matches.facts(meeting.before).revision;
      yield { kind: meeting.kind, key, before: was, after: modRevision, value };
    }
    const gone = new Set(comparison.missing());
    counts.removed = gone.size;
    for await (const { key, value, revision } of entriesOf(before, gone, ports))
      yield { kind: "removed", key, before: revision, after: undefined, value };
  }
  return { counts, isKept: false, changes: changes() };
}

/** Some entries of a state: in the order of keys where they are kept, else read again. */
async function* entriesOf(
  look: Look,
  numbers: ReadonlySet<number>,
  ports: LookPorts,
): AsyncGenerator<FoundValue & { readonly number: number }, void, undefined> {
  const { matches } = look;
  if (matches.isCut) {
    yield* readAgain(look, ports, (entry) => numbers.has(entry));
    return;
  }
  for (const number of [...numbers].toSorted((a, b) => matches.compareKeys(a, matches, b))) {
    const found = matches.entry(number);
    if (found !== undefined) yield { ...found, number };
  }
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

/** Of what is not kept from the snapshots themselves: first of the later one, then what is only in the earlier one. */
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
    for await (const { key, number } of entriesOf(look, new Set(changes.keys()), ports)) {
      const change = changes.get(number);
      if (change !== undefined) yield { kind: change.kind, key, ...revisions(before.matches, after.matches, change) };
    }
}

function revisions(
  earlier: Look["matches"],
  later: Look["matches"],
  { before, after, deletedAt }: Found,
): Pick<Change, "before" | "after" | "deletedAt"> {
  return {
    deletedAt,
    before: before === undefined ? undefined : earlier.facts(before).revision,
    after: after === undefined ? undefined : later.facts(after).revision,
  };
}
