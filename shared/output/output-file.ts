import { randomBytes } from "node:crypto";
import { link, lstat, open, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LifeboatError, messageOf } from "../errors.ts";
import { errnoOf, syncFolder } from "../folders.ts";

/**
 * Writes `bytes` to `path`: mode 0600, there only when whole and durable, never over something that is there (`output/exists`). Whatever fails, nothing is left.
 */
export async function writeOutput(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  await requireFree(path);
  const folder = dirname(path);
  const draft = join(folder, `${draftPrefix(path)}${randomBytes(6).toString("hex")}.partial`);
  try {
    await using file = await onDisk(path, () => open(draft, "wx", 0o600));
    for await (const chunk of bytes) await onDisk(path, () => file.writeFile(chunk));
    await onDisk(path, () => file.sync());
    // link, not rename: it refuses where something appeared meanwhile.
    await onDisk(path, () => link(draft, path));
  } finally {
    await rm(draft, { force: true });
  }
  await onDisk(path, () => syncFolder(folder));
}

/** Files beside `path` that writing it began and did not end: by a process that was killed, or by one that still runs. */
export async function unfinishedOutputs(path: string): Promise<readonly string[]> {
  const prefix = draftPrefix(path);
  const names = await readdir(dirname(path)).catch(() => []);
  const isDraft = (name: string): boolean => name.startsWith(prefix) && /^[0-9a-f]{12}\.partial$/.test(name.slice(prefix.length));
  return names.filter(isDraft).map((name) => join(dirname(path), name));
}

function draftPrefix(path: string): string {
  return `.${basename(path)}.`;
}

/** Throws `output/exists` where there is something at `path`. */
export async function requireFree(path: string): Promise<void> {
  const there = await lstat(path).then(
    () => true,
    () => false,
  );
  if (there) throw exists(path);
}

async function onDisk<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") throw exists(path, error);
    if (errno === "ENOSPC" || errno === "EDQUOT")
      throw new LifeboatError("store/full", `there is no space left to write ${path}`, {
        hint: "free some space, or name a file on another disk",
        cause: error,
      });
    throw new LifeboatError("output/failed", `cannot write ${path}: ${messageOf(error)}`, {
      hint: "check that the folder exists and can be written to",
      cause: error,
    });
  }
}

function exists(path: string, cause?: unknown): LifeboatError {
  return new LifeboatError("output/exists", `${path} is already there, and nothing is overwritten`, {
    hint: "name another file, or move that one away",
    cause,
  });
}
