import type { Stats } from "node:fs";
import { lstat, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../../errors.ts";
import { errnoOf, makeFolders, syncFolder } from "../../folders.ts";
import { diskError, linkError } from "./disk-errors.ts";

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

/** The file at `key`, or undefined where there is none (a folder is no object). */
export async function findObject(root: string, key: string): Promise<{ readonly path: string; readonly stats: Stats } | undefined> {
  if (!(await rootIsThere(root))) return undefined;
  const segments = key.split("/");
  let path = root;
  for (const [index, segment] of segments.entries()) {
    path = join(path, segment);
    const stats = await look(path);
    if (stats === undefined) return undefined;
    if (stats.isSymbolicLink()) throw linkError(segments.slice(0, index + 1).join("/"), root);
    const isLast = index === segments.length - 1;
    if (isLast) return stats.isFile() ? { path, stats } : undefined;
    if (!stats.isDirectory()) return undefined;
  }
  return undefined;
}

/** The folder `segments` below the root, made and flushed where it is missing, the root and its parents as well. */
export async function makePlace(root: string, segments: readonly string[]): Promise<string> {
  if (!(await rootIsThere(root))) await makeFolders(root);
  const { folder: mode } = await modesBelow(root);
  let path = root;
  for (const [index, segment] of segments.entries()) {
    const parent = path;
    path = join(path, segment);
    try {
      await mkdir(path, { mode });
      await syncFolder(parent);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      const stats = await lstat(path);
      if (stats.isSymbolicLink()) throw linkError(segments.slice(0, index + 1).join("/"), root);
      // A plain file here makes the next call below it fail with ENOTDIR, which says it best.
    }
  }
  return path;
}
