import { constants } from "node:fs";
import type { Stats } from "node:fs";
import { lstat, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { LifeboatError } from "./errors.ts";
import { errnoOf } from "./folders.ts";

/** Files and folders that nobody else but this user may have put there or may change. */

/** What is wrong with what has these `stats`, as the end of a sentence: "PATH ..."; undefined where it is this user's or root's, and no other may write to it. */
export function problemWithOwner({ uid, mode }: Pick<Stats, "uid" | "mode">): string | undefined {
  const own = process.geteuid?.();
  if (own !== undefined && uid !== own && uid !== 0) return `belongs to another user (uid ${uid})`;
  if ((mode & 0o022) !== 0) return `may be changed by others than its owner (mode ${octal(mode)})`;
  return undefined;
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

/** The same for a folder, where others may make files of their own if none can touch those of anybody else, as in /tmp. */
async function problemWithFolder(folder: string): Promise<string | undefined> {
  const stats = await stat(folder);
  return problemWithOwner((stats.mode & 0o1000) === 0 ? stats : { uid: stats.uid, mode: 0 });
}

/** What is wrong with the way to `path`: who owns the folder that holds it, and the link that it may be. Throws what the file system says. */
export async function problemWithWay(path: string): Promise<string | undefined> {
  const folder = dirname(path);
  const problem = await problemWithFolder(folder);
  if (problem !== undefined) return `is in ${folder}, which ${problem}`;
  const { uid } = await lstat(path);
  // Modes of links say nothing.
  return problemWithOwner({ uid, mode: 0 });
}

/** What is wrong with a folder that should be this user's alone. Throws what the file system says. */
export async function problemWithPrivateFolder(folder: string): Promise<string | undefined> {
  const stats = await lstat(folder);
  if (!stats.isDirectory()) return "is a link or a file";
  const own = process.geteuid?.();
  if (own !== undefined && stats.uid !== own) return `belongs to another user (uid ${stats.uid})`;
  if ((stats.mode & 0o077) !== 0) return `is open to others than its owner (mode ${octal(stats.mode)})`;
  const above = await problemWithFolder(dirname(folder));
  return above === undefined ? undefined : `is in ${dirname(folder)}, which ${above}`;
}

/** The text of a small regular file of this user's or root's, no link; undefined where there is none. Throws what the file system says, or `input/unusable`. */
export async function readOwnFile(path: string, maxBytes: number): Promise<string | undefined> {
  let handle;
  try {
    // Without O_NONBLOCK a named pipe would hang the open.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stats = await handle.stat();
    const problem = stats.isFile() ? problemWithOwner(stats) : "is not a file";
    if (problem !== undefined) throw new LifeboatError("input/unusable", `${path} ${problem}`);
    if (stats.size > maxBytes) throw new LifeboatError("input/unusable", `${path} is larger than ${maxBytes} bytes`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
