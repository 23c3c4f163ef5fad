import { LifeboatError } from "../../errors.ts";
import type { SnapshotInput } from "../../input/snapshot-input.ts";
import { keyIs } from "../../snapshot/key-tests.ts";
import type { KeyTest } from "../../snapshot/key-tests.ts";
import { keyNames, parseObjectName } from "../../snapshot/object-names.ts";
import type { LookPorts } from "./look-through.ts";
import { readValues } from "./read-values.ts";
import type { FoundValue } from "./read-values.ts";

/** What a person asks for: a key byte by byte, or words that are a key or the name of a Kubernetes object. */
export type Wanted = { readonly key: Uint8Array; readonly words: string } | { readonly words: string };

/**
 * The one live entry that `wanted` names: the key itself goes before an object of that name. Throws `input/no-entry` where there is none, and `usage` where there are several, with
 * their keys.
 */
export async function getOne(input: SnapshotInput, wanted: Wanted, ports: LookPorts): Promise<FoundValue> {
  const key = "key" in wanted ? wanted.key : Buffer.from(wanted.words);
  const found: FoundValue[] = [];
  for await (const each of readValues(input, testOf(wanted, key), ports))
    // Copies: only a few can be meant, and they must outlast the reading.
    if (found.push({ key: Buffer.from(each.key), value: Buffer.from(each.value), revision: each.revision }) > MOST) break;
  const exact = found.find((each) => Buffer.compare(each.key, key) === 0);
  const [first, ...others] = exact === undefined ? found : [exact];
  if (first === undefined) throw noEntry(input, wanted);
  if (others.length === 0) return first;
  throw new LifeboatError("usage", `${wanted.words} names several keys in ${input.name}`, {
    hint: `give one of them in full: ${found.map((each) => Buffer.from(each.key).toString("utf8")).join(", ")}`,
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
