import type { BigIntStats } from "node:fs";
import { link, lstat, open, rename, unlink, type FileHandle } from "node:fs/promises";
import { errnoOf, syncFolder } from "../../folders.ts";
import type { BodyReader } from "../body-reader.ts";
import { diskError } from "./disk-errors.ts";

/** Unfinished puts: `<root>/.lifeboat/incoming/<name>`, on the file system of the objects so that a rename publishes them. */
export const INCOMING: readonly string[] = [".lifeboat", "incoming"];

/** A file that was received whole and flushed, and is not published. */
export interface Incoming {
  readonly path: string;
  readonly bytes: number;
}

/**
 * 16 MiB: so much may wait in the page cache while as much again is on its way to the disk. Left to the end, flushing a slow disk would stall the last step for
 * as long as all the writing took.
 */
const FLUSH_BYTES = 16 * 1024 * 1024;

/**
 * Writes `body` to a new file at `path` with `mode`, in order, pulling a chunk only when the one before is written, and
 * flushes it. Leaves no file behind where it throws: the body's error as it is, the file system's as the store's.
 */
export async function receive(path: string, mode: number, body: BodyReader, doing: string, location: string): Promise<Incoming> {
  const onDisk = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw diskError(error, doing, location);
    }
  };
  const handle = await onDisk(open(path, "wx", mode));
  let closed = false;
  let unflushed = 0;
  let flushing: Promise<void> = Promise.resolve();
  try {
    for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) {
      await onDisk(writeAll(handle, chunk));
      unflushed += chunk.length;
      if (unflushed < FLUSH_BYTES) continue;
      await onDisk(flushing);
      flushing = handle.datasync();
      // Its failure is heard at the next await of it.
      flushing.catch(() => undefined);
      unflushed = 0;
    }
    await onDisk(flushing);
    await onDisk(handle.sync());
    const stats = await onDisk(handle.stat());
    closed = true;
    await onDisk(handle.close());
    return { path, bytes: stats.size };
  } catch (error) {
    await flushing.catch(() => undefined);
    if (!closed) await handle.close().catch(() => undefined);
    await discard(path);
    throw error;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) offset += (await handle.write(bytes, offset, bytes.length - offset)).bytesWritten;
}

/** Moves the file to its place, over what is there. */
export async function publish(incoming: Incoming, folder: string, target: string): Promise<void> {
  await rename(incoming.path, target);
  await syncFolder(folder);
}

/**
 * Moves the file to its place unless something is there; says whether it did. Making a hard link is what decides: it fails
 * where the name is taken, between processes and between hosts on one file system, while a rename would replace.
 */
export async function publishIfAbsent(incoming: Incoming, folder: string, target: string): Promise<boolean> {
  try {
    await link(incoming.path, target);
  } catch (error) {
    // NFS repeats a call whose answer was lost, and then finds the name taken by the call itself.
    if (errnoOf(error) !== "EEXIST") throw error;
    if (!(await isSameFile(incoming.path, target))) return false;
  }
  await discard(incoming.path);
  await syncFolder(folder);
  return true;
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b]: readonly [BigIntStats, BigIntStats] = await Promise.all([lstat(one, { bigint: true }), lstat(other, { bigint: true })]);
  return a.dev === b.dev && a.ino === b.ino;
}

/** Removes an unfinished file. Never throws: what stays is invisible, and swept as an orphan. */
export async function discard(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}
