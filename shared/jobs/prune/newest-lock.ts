import { isLifeboatError } from "../../errors.ts";
import type { BlobLock, BlobStore, BlobVersion } from "../../store/blob-store.ts";

export interface FoundLock extends BlobLock {
  readonly key: string;
}

/**
 * What locks the newest of these objects; undefined where nothing does, or this role may not ask. Every object is locked for as long when it is put, so the one that came last is locked the longest. Which of the
 * others is locked for longer, the store says when it is to be removed.
 */
export async function newestLock(
  blobs: BlobStore,
  objects: readonly BlobVersion[],
  signal: AbortSignal | undefined,
): Promise<FoundLock | undefined> {
  const [newest] = objects
    .filter(({ isDeleteMarker }) => !isDeleteMarker)
    .toSorted((one, other) => other.modified.getTime() - one.modified.getTime());
  if (newest === undefined) return undefined;
  try {
    const lock = await blobs.lockOf(newest.key, { version: newest.version, signal });
    return lock === undefined ? undefined : { ...lock, key: newest.key };
  } catch (error) {
    if (!isLifeboatError(error, "store/denied")) throw error;
    return undefined;
  }
}
