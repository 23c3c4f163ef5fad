import { mkdir, open, rmdir, stat } from "node:fs/promises";
import { constants } from "node:os";
import { dirname, resolve } from "node:path";

/** Folders that survive a power cut: an entry is on the disk only when the folder that holds it was flushed. */

/** The errno name of what a file system call threw (`ENOENT`), or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "errno" in error ? error.code : undefined;
}

/** Flushes the entries of `folder` to the disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot flush a folder, and say so; they have no cache of entries to lose either.
    if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "ENOTSUP") throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Makes `folder` and whatever is missing above it, mode 0700, each flushed into the one that holds it. Nothing happens where it is there. Throws an error with the
 * errno of what stands in the way, and then leaves none of the folders that it made.
 *
 * One level at a time: `mkdir` of Node with `recursive` never returns where the nearest folder that is there takes none, such as /proc.
 */
export async function makeFolders(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(folder); !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
  const made: string[] = [];
  try {
    for (const path of missing) {
      if (await makeOne(path)) made.unshift(path);
      await syncFolder(dirname(path));
    }
  } catch (error) {
    // What somebody put into one of them meanwhile keeps it there.
    for (const path of made) await rmdir(path).catch(() => undefined);
    throw error;
  }
}

/** Whether it is there; a link to a folder is one. Throws ENOTDIR where something else is. */
async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
  throw cannotMake(path, "ENOTDIR", "something else has that name");
}

/** Whether this call made it; another process may have been faster. */
async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (errno === "EEXIST" && (await isFolder(path))) return false;
    if (errno === "EEXIST") throw cannotMake(path, "ENOTDIR", "a link to nothing has that name", error);
    if (errno === "ENOENT") throw cannotMake(path, errno, `no folder can be made in ${dirname(path)}`, error);
    throw error;
  }
}

function cannotMake(path: string, code: string, why: string, cause?: unknown): Error {
  const { errno } = constants;
  return Object.assign(new Error(`cannot make the folder ${path}: ${why} (${code})`, { cause }), {
    code,
    errno: -(code === "ENOENT" ? errno.ENOENT : errno.ENOTDIR),
  });
}
