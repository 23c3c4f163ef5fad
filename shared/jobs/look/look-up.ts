import { keyNames, parseObjectName, resourceFolderOf } from "../../snapshot/object-names.ts";
import { ROOT_NAMES } from "../../snapshot/resources.ts";
import type { KeyIndex } from "./key-index.ts";
import type { FoundValue } from "./read-values.ts";

/** Kinds of resources that are tried: a cluster has a hundred, and each may move a piece of the index. */
const MOST_FOLDERS = 1000;
const SLASH_AND_ONE = "0";

/** What `index` has of the entry with exactly `key`, or else of the objects that `words` name, `most` of them at most; nothing where it has none. */
export async function lookUp(index: KeyIndex, key: Uint8Array, words: string | undefined, most: number): Promise<readonly FoundValue[]> {
  const exact = await index.lookup(key);
  if (exact !== undefined) return [exact];
  const name = words === undefined ? undefined : parseObjectName(words);
  if (name === undefined) return [];
  const isNamed = keyNames(name);
  const rest = Buffer.from(name.namespace === undefined ? name.name : `${name.namespace}/${name.name}`);
  const found: FoundValue[] = [];
  for await (const folder of folders(index)) {
    const candidate = Buffer.concat([Buffer.from(folder, "latin1"), rest]);
    const entry = isNamed(candidate, 0, candidate.length) ? await index.lookup(candidate) : undefined;
    if (entry !== undefined && found.push(entry) === most) break;
  }
  return found;
}

/** Where objects of one resource lie, each with its last slash, one character a byte: from one to the next by the index, without the keys in between. */
async function* folders(index: KeyIndex): AsyncGenerator<string, void, undefined> {
  let left = MOST_FOLDERS;
  for (const root of ROOT_NAMES) {
    let next = `/${root}/`;
    while (left-- > 0) {
      const folder = await firstFolder(index, next);
      if (folder?.startsWith(`/${root}/`) !== true) break;
      yield folder;
      next = `${folder.slice(0, -1)}${SLASH_AND_ONE}`;
    }
  }
}

async function firstFolder(index: KeyIndex, from: string): Promise<string | undefined> {
  for await (const { key } of index.from(Buffer.from(from, "latin1"))) return resourceFolderOf(Buffer.from(key).toString("latin1"));
  return undefined;
}
