import { LifeboatError } from "../../errors.ts";
import type { SnapshotInput } from "../../input/snapshot-input.ts";
import { keyIs } from "../../snapshot/key-tests.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import { keyNames, parseObjectName } from "../../snapshot/object-names.ts";
import type { KeyIndex } from "./key-index.ts";
import { lookUp } from "./look-up.ts";
import type { LookPorts } from "./look-through.ts";
import { readValues } from "./read-values.ts";
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
  const key = "key" in wanted ? wanted.key : Buffer.from(wanted.words);
  const indexed = index === undefined ? [] : await lookUp(index, key, "key" in wanted ? undefined : wanted.words, MOST);
  if (indexed.length > 0) return { ...oneOf(indexed, input, wanted), by: "index" };
  const found: FoundValue[] = [];
  for await (const each of readValues(input, testOf(wanted, key), ports)) if (found.push(each) > MOST) break;
  const exact = found.find((each) => Buffer.compare(each.key, key) === 0);
  return { ...oneOf(exact === undefined ? found : [exact], input, wanted), by: "whole" };
}

function oneOf([first, ...others]: readonly FoundValue[], input: SnapshotInput, wanted: Wanted): FoundValue {
  if (first === undefined) throw noEntry(input, wanted);
  if (others.length === 0) return first;
  throw new LifeboatError("usage", `${wanted.words} names several keys in ${input.name}`, {
    hint: `give one of them in full: ${[first, ...others].map((each) => Buffer.from(each.key).toString("utf8")).join(", ")}`,
  });
}

/** Keys that one name can have: two groups, or the same key under another root. */
const MOST = 8;

function testOf(wanted: Wanted, key: Uint8Array): KeyTest {
  const isKey = keyIs(key);
  const name = "key" in wanted ? undefined : parseObjectName(wanted.words);
  if (name === undefined) return isKey;
  const isNamed = keyNames(name);
  return (bytes, start, end) => isKey(bytes, start, end) || isNamed(bytes, start, end);
}

function noEntry(input: SnapshotInput, wanted: Wanted): LifeboatError {
  const last = wanted.words.split("/").at(-1) ?? "";
  const hint =
    "key" in wanted || last === ""
      ? `lifeboat find ${input.name} lists the keys in it`
      : `lifeboat find ${input.name} '**${last}*' lists keys like it`;
  return new LifeboatError("input/no-entry", `${wanted.words} is not in ${input.name}: it was deleted before, or made after`, { hint });
}
