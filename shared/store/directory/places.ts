import type { Stats } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { LifeboatError } from "../../errors.ts";
import { errnoOf, makeFolders } from "../../folders.ts";
import { diskError, linkError } from "./disk-errors.ts";
import { holdFolder } from "./held-folder.ts";
import type { HeldFolder } from "./held-folder.ts";

/** Where keys stand below the root of a directory store. No symbolic link below the root is followed, so nothing outside it is ever touched. */

/** What new files and folders may be touched by, before the umask takes its part. */
interface Modes {
  readonly file: number;
  readonly folder: number;
}

const OWNERS_ONLY: Modes = { file: 0o600, folder: 0o700 };

/** The sticky bit: members of the group may add to each other's folders, and not remove each other's files. The setgid bit is inherited by itself. */
const SHARED: Modes = { file: 0o640, folder: 0o1770 };

/**
 * A root folder with the setgid bit that its group may read and write is shared by the users of that group, such as one that backs up and one that verifies;
 * any other, and one that is not there yet, is its owner's alone. Nothing is ever for all users.
 */
export async function modesBelow(root: string): Promise<Modes> {
  try {
    return ((await stat(root)).mode & 0o2070) === 0o2070 ? SHARED : OWNERS_ONLY;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return OWNERS_ONLY;
    throw error;
  }
}

/** lstat, undefined where nothing is there. */
async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the root is there. A root that is missing is an empty store; throws `store/failed` where it is no folder. */
export async function rootIsThere(root: string): Promise<boolean> {
  try {
    if ((await stat(root)).isDirectory()) return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    if (errnoOf(error) !== "ENOTDIR") throw error;
  }
  throw new LifeboatError("store/failed", `${root} is not a folder`, {
    hint: "move the file that is in its place away, or configure another path for the store",
  });
}

/** The same, with the file system's refusal as an error of the store. */
export async function isStoreThere(root: string): Promise<boolean> {
  try {
    return await rootIsThere(root);
  } catch (error) {
    throw diskError(error, "look at the folder", root);
  }
}

/** The file at `key`, whose folder the caller lets go; undefined where there is none (a folder is no object). */
export async function findObject(root: string, key: string): Promise<FoundObject | undefined> {
  const { folders, name } = split(key);
  const folder = await findPlace(root, folders);
  if (folder === undefined) return undefined;
  let found: FoundObject | undefined;
  try {
    const path = `${folder.path}/${name}`;
    const stats = await look(path);
    if (stats?.isSymbolicLink() === true) throw linkError(key, root);
    if (stats?.isFile() === true) found = { folder, path, stats };
    return found;
  } finally {
    if (found === undefined) await folder[Symbol.asyncDispose]();
  }
}

interface FoundObject {
  readonly folder: HeldFolder;
  /** In that very folder. */
  readonly path: string;
  readonly stats: Stats;
}

/** The folder `segments` below the root, or undefined where there is none. */
export async function findPlace(root: string, segments: readonly string[]): Promise<HeldFolder | undefined> {
  if (!(await rootIsThere(root))) return undefined;
  try {
    return await holdFolder(root, segments);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The same, made and flushed where it is missing, the root and its parents as well. */
export async function makePlace(root: string, segments: readonly string[]): Promise<HeldFolder> {
  if (!(await rootIsThere(root))) await makeFolders(root);
  return holdFolder(root, segments, (await modesBelow(root)).folder);
}

/** The folders that a key stands in, and its name there. */
export function split(key: string): { readonly folders: readonly string[]; readonly name: string } {
  const segments = key.split("/");
  return { folders: segments.slice(0, -1), name: segments.at(-1) ?? key };
}
