import { lstat, lstatSync, readdirSync } from "node:fs";
import type { Dirent, Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../folders.ts";
import { isKeyBelow } from "../blob-key.ts";
import type { BlobInfo } from "../blob-store.ts";
import { DiskPace } from "./disk-pace.ts";
import { linkError } from "./disk-errors.ts";

/** 64 files are looked at side by side: the thread pool is kept busy and a folder of any size costs no more memory for it. */
const LOOKED_AT_ONCE = 64;

const pace = new DiskPace();

interface Entry {
  readonly name: string;
  /** The object's key, or for a folder what its objects' keys begin with: it ends in a slash. */
  readonly key: string;
}

/**
 * Every object below `root` whose key begins with `prefix`, ascending by key, some at a time: handed on one by one, of ten thousand each generator on the way would cost more than the look at the file. A folder is read when its turn has
 * come, and only where keys below it can match. Names that no key can have and symbolic links are not objects and left out; a link on the way to `prefix` itself is an error, since the caller asked for what is behind it.
 */
export async function* walk(root: string, prefix: string): AsyncGenerator<readonly BlobInfo[], void, undefined> {
  const at = await startOf(root, prefix);
  if (at !== undefined) yield* walkFolder(root, prefix, at);
}

/**
 * The folder that every key with this prefix lies below: the prefix up to its last slash. Undefined where there is none. Each folder on the way is looked at by its name: to read it would take longer the more there is beside the next
 * one, and a fleet has a thousand clusters.
 */
async function startOf(root: string, prefix: string): Promise<string | undefined> {
  let at = "";
  for (let slash = prefix.indexOf("/"); slash >= 0; slash = prefix.indexOf("/", at.length)) {
    const key = prefix.slice(0, slash);
    const stats = await statsOf(join(root, key));
    if (stats?.isSymbolicLink() === true) throw linkError(key, root);
    if (stats?.isDirectory() !== true) return undefined;
    at = `${key}/`;
  }
  return at;
}

async function* walkFolder(root: string, prefix: string, at: string): AsyncGenerator<readonly BlobInfo[], void, undefined> {
  const entries = await entriesOf(root, prefix, at);
  for (let start = 0; start < entries.length;) {
    if (entries[start]?.key.endsWith("/") === true) {
      yield* walkFolder(root, prefix, entries[start]?.key ?? at);
      start += 1;
      continue;
    }
    let end = start + 1;
    while (end < Math.min(entries.length, start + LOOKED_AT_ONCE) && entries[end]?.key.endsWith("/") === false) end++;
    yield await lookAtAll(join(root, at), entries.slice(start, end));
    start = end;
  }
}

/** Those that are files still. */
async function lookAtAll(folder: string, entries: readonly Entry[]): Promise<readonly BlobInfo[]> {
  const found: BlobInfo[] = [];
  let next = 0;
  for (; next < entries.length && pace.isQuick(); next++) {
    const { name, key } = entries[next] ?? { name: "", key: "" };
    const stats = pace.time(() => lstatAtOnce(`${folder}/${name}`));
    if (stats?.isFile() === true) found.push(infoOf(key, stats));
  }
  const others = await Promise.all(entries.slice(next).map(async ({ name, key }) => ({ key, stats: await statsOf(`${folder}/${name}`) })));
  for (const { key, stats } of others) if (stats?.isFile() === true) found.push(infoOf(key, stats));
  return found;
}

/** Nobody can set when a file was last changed (ctime), as they can the time of its content. */
function infoOf(key: string, { size, mtimeMs, ctimeMs, ino }: Stats): BlobInfo {
  // What `mtime` gives, which takes longer than the rest of it.
  return { key, bytes: size, modified: new Date(Math.round(mtimeMs)), tag: `${ino}-${ctimeMs}` };
}

/** The folders that `prefix` begins, up to its next slash, in which a file with a key lies, ascending. */
export async function foldersBelow(root: string, prefix: string): Promise<readonly string[]> {
  const at = await startOf(root, prefix);
  if (at === undefined) return [];
  const folders = (await entriesOf(root, prefix, at)).filter(({ key }) => key.endsWith("/"));
  return (await Promise.all(folders.map(async ({ key }) => ((await holdsObject(root, key)) ? [key] : [])))).flat();
}

/** Whether any file below a folder has a key: it is looked for no further than it takes. Of a thousand names alone a list costs a third of one with what each is. */
async function holdsObject(root: string, folder: string): Promise<boolean> {
  for (const name of await namesIn(join(root, folder))) {
    if (!isKeyBelow(folder, name)) continue;
    const stats = await statsOf(join(root, folder, name));
    if (stats?.isFile() === true || (stats?.isDirectory() === true && (await holdsObject(root, `${folder}${name}/`)))) return true;
  }
  return false;
}

async function entriesOf(root: string, prefix: string, at: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const entry of await read(join(root, at))) {
    if (!isKeyBelow(at, entry.name)) continue;
    const key = at + entry.name;
    if (entry.isSymbolicLink() && (prefix === key || prefix.startsWith(`${key}/`))) throw linkError(key, root);
    if (entry.isFile() && key.startsWith(prefix)) entries.push({ name: entry.name, key });
    if (entry.isDirectory() && (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)))
      entries.push({ name: entry.name, key: `${key}/` });
  }
  // With its slash, a folder sorts where its objects' keys do: "a-b" < "a.b" < "a/b".
  return entries.toSorted((one, other) => (one.key < other.key ? -1 : 1));
}

/** The entries of a folder; none where there is no such folder. */
function read(folder: string): Promise<readonly Dirent[]> {
  return unlessGone(
    () => readdirSync(folder, { withFileTypes: true }),
    () => readdir(folder, { withFileTypes: true }),
  );
}

function namesIn(folder: string): Promise<readonly string[]> {
  return unlessGone(
    () => readdirSync(folder),
    () => readdir(folder),
  );
}

async function unlessGone<T>(atOnce: () => readonly T[], aside: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await (pace.isQuick() ? pace.time(atOnce) : aside());
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Undefined where nothing is there. */
async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await (pace.isQuick() ? pace.time(() => lstatAtOnce(path)) : lstatAside(path));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Undefined where nothing is there. */
function lstatAtOnce(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** By callback: of fifty thousand files, what a promise of node:fs costs counts. */
function lstatAside(path: string): Promise<Stats> {
  return new Promise((resolve, reject) => {
    lstat(path, (error, stats) => {
      if (error === null) resolve(stats);
      else reject(error);
    });
  });
}

function isGone(error: unknown): boolean {
  return errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR";
}
