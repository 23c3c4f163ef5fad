import type { Clock } from "../../clock.ts";
import type { DebugLog } from "../../debug-log.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { Timed } from "./timed.ts";

/** The same store, whose calls are told with key, version, bytes and time. */
export function traceBlobs(blobs: BlobStore, debug: DebugLog, clock: Clock): BlobStore {
  const timed = new Timed(debug, "store", clock);
  const at = (doing: string, key: string, version?: string): string =>
    `${doing} ${key}${version === undefined ? "" : ` version ${version}`} in ${blobs.location}`;
  const items = (sum: number): string => `${sum} listed`;
  const bytes = (sum: number): string => `${sum} bytes`;
  return {
    location: blobs.location,
    put: (key, body, options) =>
      timed.call(
        at(options?.ifAbsent === true ? "put if absent" : "put", key),
        () => blobs.put(key, body, options),
        (receipt) => {
          const version = receipt.version === undefined ? "" : `, version ${receipt.version}`;
          return `done, ${receipt.bytes} bytes${version}`;
        },
      ),
    get(key, options) {
      const range = options?.range === undefined ? "" : ` bytes ${options.range.start} to ${options.range.end}`;
      return timed.stream(`${at("get", key, options?.version)}${range}`, blobs.get(key, options), (chunk) => chunk.length, bytes);
    },
    head: (key, options) =>
      timed.call(
        at("head", key, options?.version),
        () => blobs.head(key, options),
        (info) =>
          info === undefined ? "not there" : `${info.bytes} bytes${info.version === undefined ? "" : `, version ${info.version}`}`,
      ),
    checksum: (key, options) => timed.call(at("checksum", key, options?.version), () => blobs.checksum(key, options)),
    presign: (key, options) =>
      timed.call(
        at("presign", key, options.version),
        () => blobs.presign(key, options),
        // The URL itself is a secret.
        (signed) => (signed === undefined ? "none" : `lasts until ${signed.until.toISOString()}`),
      ),
    list: (prefix, options) => timed.stream(at("list", prefix), blobs.list(prefix, options), () => 1, items),
    listFolders: (prefix, options) => timed.stream(at("list folders", prefix), blobs.listFolders(prefix, options), () => 1, items),
    listVersions: (prefix, options) => timed.stream(at("list versions", prefix), blobs.listVersions(prefix, options), () => 1, items),
    remove: (key, options) => timed.call(at("remove", key, options?.version), () => blobs.remove(key, options)),
    lockOf: (key, options) =>
      timed.call(
        at("lock of", key, options?.version),
        () => blobs.lockOf(key, options),
        (lock) => (lock === undefined ? "not locked" : `locked until ${lock.until?.toISOString() ?? "nobody knows"}`),
      ),
    extendLock: (key, version, until, options) =>
      timed.call(
        at("extend lock of", key, version),
        () => blobs.extendLock(key, version, until, options),
        (end) => `locked until ${end.toISOString()}`,
      ),
    listUnfinished: (options) => timed.stream(at("list unfinished puts", ""), blobs.listUnfinished(options), () => 1, items),
    removeUnfinished: (id) => timed.call(at("remove unfinished put", id), () => blobs.removeUnfinished(id)),
    removeAbandoned: () =>
      timed.call(
        at("remove abandoned puts", ""),
        () => blobs.removeAbandoned(),
        (count) => `${count} removed`,
      ),
  };
}
