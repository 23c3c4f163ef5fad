import { randomBytes } from "node:crypto";
import { link, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LifeboatError, messageOf } from "../../errors.ts";
import { errnoOf, syncFolder } from "../../folders.ts";
import { isDead, MARK, markInName } from "../../process-mark.ts";

/**
 * Writes `bytes` to `path`: mode 0600, there only when whole and durable, never over something that is there (`output/exists`). Whatever fails, nothing is left.
 */
export async function writeOutput(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  await requireFree(path);
  const folder = dirname(path);
  const draft = await draftOf(path);
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

/** A name beside `path` for what is to become it, by which a later run sees whose it was. */
export async function draftOf(path: string): Promise<string> {
  return join(dirname(path), `${draftPrefix(path)}${await markInName()}-${randomBytes(6).toString("hex")}.partial`);
}

/** A file that writing began and did not end. */
export interface UnfinishedOutput {
  readonly path: string;
  /** Whether the process that wrote it runs no more, as far as can be told from here; undefined for another machine or container, or an older lifeboat. */
  readonly isDead: boolean | undefined;
}

/** A day: whatever still writes to a file has done so since. */
const ABANDONED_MS = 86_400_000;

/** Files (or folders) of this user beside `path` that writing it began and did not end: by a process that was killed, or by one that still runs. */
export async function unfinishedOutputs(path: string, now: Date, kind: "file" | "folder" = "file"): Promise<readonly UnfinishedOutput[]> {
  const prefix = draftPrefix(path);
  const found: UnfinishedOutput[] = [];
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const match = name.startsWith(prefix) ? DRAFT.exec(name.slice(prefix.length)) : null;
    if (match === null) continue;
    const draft = join(dirname(path), name);
    const stats = await lstat(draft).catch(() => undefined);
    const isKind = kind === "file" ? stats?.isFile() : stats?.isDirectory();
    if (stats === undefined || isKind !== true || stats.uid !== process.geteuid?.()) continue;
    const dead = match[1] === undefined ? undefined : await isDead(match[1]);
    found.push({ path: draft, isDead: dead ?? (now.getTime() - stats.mtimeMs > ABANDONED_MS ? true : undefined) });
  }
  return found;
}

/** The mark of its writer, and twelve random digits; an older lifeboat wrote only those. */
const DRAFT = new RegExp(`^(?:(${MARK.source})-)?[0-9a-f]{12}\\.partial$`);

/** Removes what a dead process left; false where it could not. */
export async function removeUnfinished({ path }: UnfinishedOutput): Promise<boolean> {
  return rm(path, { recursive: true }).then(
    () => true,
    () => false,
  );
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

/** Runs `action`, whose failure is told as one of writing to `path`. */
export async function onDisk<T>(path: string, action: () => Promise<T>): Promise<T> {
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

/** `output/exists`. */
export function exists(path: string, cause?: unknown): LifeboatError {
  return new LifeboatError("output/exists", `${path} is already there, and nothing is overwritten`, {
    hint: "name another file, or move that one away",
    cause,
  });
}

/** Puts `text` in the place of what is at `path`, in one step and readable for everybody: whoever reads it meanwhile has the one or the other. Whatever fails, what was there stays. */
export async function replaceOutput(path: string, text: string): Promise<void> {
  const draft = await draftOf(path);
  try {
    await using file = await onDisk(path, () => open(draft, "wx", 0o644));
    // Whatever the umask: it is for another user's program.
    await onDisk(path, () => file.chmod(0o644));
    await onDisk(path, () => file.writeFile(text));
    await onDisk(path, () => file.sync());
    await onDisk(path, () => rename(draft, path));
  } finally {
    await rm(draft, { force: true });
  }
}
