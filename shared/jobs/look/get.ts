import type { RangeEntry } from "../../etcd/etcd-source.ts";
import { LifeboatError } from "../../errors.ts";
import type { SnapshotInput } from "../../input/snapshot-input.ts";
import { keyIs } from "../../snapshot/key-tests.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import type { FoundEntry } from "../../snapshot/newest-matches.ts";
import { keyNames, parseObjectName } from "../../snapshot/object-names.ts";
import type { KeyIndex } from "./key-index.ts";
import { lookUp } from "./look-up.ts";
import type { LiveState } from "./live-state.ts";
import type { LookPorts } from "./look-through.ts";
import { lookForValues, valuesOf } from "./read-values.ts";
import type { FoundValue } from "./read-values.ts";

/** What a person asks for: a key byte by byte, or words that are a key or the name of a Kubernetes object. */
export type Wanted = { readonly key: Uint8Array; readonly words: string } | { readonly words: string };

/** How it was found. */
export interface FoundOne extends FoundValue {
  /** `whole`: out of all of the snapshot, which was proven. `index`: by the index that a verification left, out of a part of the snapshot with the digest that was verified; that it is the newest is the word of who verified. */
  readonly by: "whole" | "index";
}

/**
 * The one live entry that `wanted` names: the key itself goes before an object of that name. Where `index` has none, all of the snapshot is read. Throws `input/no-entry` where there is none, and `usage` where there are several, with
 * their keys.
 */
export async function getOne(input: SnapshotInput, wanted: Wanted, ports: LookPorts, index?: KeyIndex): Promise<FoundOne> {
  const found = await findOne(input, wanted, ports, index);
  if ("value" in found) return found;
  throw noEntry(input, wanted, found.deleted);
}

/** Of a key that is not there: the tombstones of those that may be meant, as far as they are known. */
export interface NotFound {
  readonly deleted: readonly FoundEntry[];
}

/** The same, without an error where there is none. */
export async function findOne(input: SnapshotInput, wanted: Wanted, ports: LookPorts, index?: KeyIndex): Promise<FoundOne | NotFound> {
  const indexed = index === undefined ? [] : await lookUp(index, keyOf(wanted), "key" in wanted ? undefined : wanted.words, MOST);
  const byIndex = oneOf(indexed, input.name, wanted);
  if (byIndex !== undefined) return { ...byIndex, by: "index" };
  const look = await lookForValues(input, wantedTest(wanted), ports);
  const found = await theOne(valuesOf(look, ports), input.name, wanted);
  return found === undefined ? { deleted: [...look.deleted.inOrder()] } : { ...found, by: "whole" };
}

/** The same of a live cluster, which was opened with `wantedTest`: a key is asked for alone, a name takes a walk over all keys. */
export async function findLive(live: LiveState, wanted: Wanted, name: string, signal: AbortSignal): Promise<FoundValue | undefined> {
  if (!("key" in wanted) && parseObjectName(wanted.words) !== undefined) return theOne(asFound(live.entries(signal)), name, wanted);
  const entry = await live.entry(keyOf(wanted), signal);
  return entry === undefined ? undefined : { ...entry, revision: entry.modRevision };
}

async function* asFound(entries: AsyncIterable<RangeEntry>): AsyncGenerator<FoundValue, void, undefined> {
  for await (const { key, value, modRevision } of entries) yield { key, value, revision: modRevision };
}

async function theOne(values: AsyncIterable<FoundValue>, name: string, wanted: Wanted): Promise<FoundValue | undefined> {
  const key = keyOf(wanted);
  const some: FoundValue[] = [];
  for await (const each of values) if (some.push(each) > MOST) break;
  const exact = some.find((each) => Buffer.compare(each.key, key) === 0);
  return oneOf(exact === undefined ? some : [exact], name, wanted);
}

function keyOf(wanted: Wanted): Uint8Array {
  return "key" in wanted ? wanted.key : Buffer.from(wanted.words);
}

function oneOf([first, ...others]: readonly FoundValue[], name: string, wanted: Wanted): FoundValue | undefined {
  if (first === undefined || others.length === 0) return first;
  throw new LifeboatError("usage", `${wanted.words} names several keys in ${name}`, {
    hint: `give one of them in full: ${[first, ...others].map((each) => Buffer.from(each.key).toString("utf8")).join(", ")}`,
  });
}

/** Keys that one name can have: two groups, or the same key under another root. */
const MOST = 8;

/** Keys that may be meant. */
export function wantedTest(wanted: Wanted): KeyTest {
  const isKey = keyIs(keyOf(wanted));
  const name = "key" in wanted ? undefined : parseObjectName(wanted.words);
  if (name === undefined) return isKey;
  const isNamed = keyNames(name);
  return (bytes, start, end) => isKey(bytes, start, end) || isNamed(bytes, start, end);
}

function noEntry(input: SnapshotInput, wanted: Wanted, [deleted]: readonly FoundEntry[]): LifeboatError {
  if (deleted !== undefined)
    return new LifeboatError("input/no-entry", `${wanted.words} is not in ${input.name}: it was deleted at revision ${deleted.revision}`, {
      hint: "an earlier snapshot may have it: lifeboat ls lists them",
    });
  const last = wanted.words.split("/").at(-1) ?? "";
  const hint =
    "key" in wanted || last === ""
      ? `lifeboat find ${input.name} lists the keys in it`
      : `lifeboat find ${input.name} '**${last}*' lists keys like it`;
  return new LifeboatError("input/no-entry", `${wanted.words} is not in ${input.name}: it was deleted before, or made after`, { hint });
}
