import { mkdir, open } from "node:fs/promises";
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

/** Makes `folder` and whatever is missing above it, mode 0700, each flushed into the one that holds it. Nothing happens where it is there. */
export async function makeFolders(folder: string): Promise<void> {
  const path = resolve(folder);
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const above = dirname(resolve(first));
  for (let made = path; made !== above; made = dirname(made)) await syncFolder(dirname(made));
}
