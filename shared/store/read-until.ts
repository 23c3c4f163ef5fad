import type { BlobStore } from "./blob-store.ts";

/**
 * `blobs`, whose reads and listings end with `signal` where they were not given another. For what only reads: whatever writes may have to read what it left, to end it cleanly,
 * once the signal has come.
 */
export function readUntil(blobs: BlobStore, signal: AbortSignal | undefined): BlobStore {
  if (signal === undefined) return blobs;
  return {
    location: blobs.location,
    put: (...put) => blobs.put(...put),
    get: (key, options) => blobs.get(key, { ...options, signal: options?.signal ?? signal }),
    head: (key, options) => blobs.head(key, { ...options, signal: options?.signal ?? signal }),
    checksum: (key, options) => blobs.checksum(key, { ...options, signal: options?.signal ?? signal }),
    presign: (key, options) => blobs.presign(key, { ...options, signal: options.signal ?? signal }),
    list: (prefix, options) => blobs.list(prefix, { signal: options?.signal ?? signal }),
    listFolders: (prefix, options) => blobs.listFolders(prefix, { signal: options?.signal ?? signal }),
    listVersions: (prefix, options) => blobs.listVersions(prefix, { signal: options?.signal ?? signal }),
    lockOf: (key, options) => blobs.lockOf(key, { ...options, signal: options?.signal ?? signal }),
    remove: (...remove) => blobs.remove(...remove),
    extendLock: (...lock) => blobs.extendLock(...lock),
    listUnfinished: (options) => blobs.listUnfinished({ signal: options?.signal ?? signal }),
    removeUnfinished: (id) => blobs.removeUnfinished(id),
    removeAbandoned: () => blobs.removeAbandoned(),
  };
}
