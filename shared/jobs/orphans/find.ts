import type { Clock } from "../../clock.ts";
import { dataPrefix, idInDataKey, idInIndexKey, isIndexKey, manifestKey, snapshotsPrefix, verifiedPrefix } from "../../documents/layout.ts";
import { isStoredLater, objectsOf } from "../../documents/stored.ts";
import { isLifeboatError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { BlobLock, BlobStore, BlobVersion } from "../../store/blob-store.ts";
import { listClusters, readCountersignatures } from "../../vault/catalog.ts";
import { readDocument } from "../../vault/read-document.ts";
import type { Vault } from "../../vault/vault.ts";

/** Something that a run began and no snapshot needs. */
export type Orphan = OrphanedData | UnfinishedOrphan;

interface Left {
  /** Of all versions. */
  readonly bytes: number;
  /** When anything was last done to it. */
  readonly modified: Date;
  /** Why nothing needs it, for people. */
  readonly reason: string;
}

interface UnfinishedOrphan extends Left {
  readonly kind: "unfinished";
  readonly id: string;
}

export interface OrphanedData extends Left {
  readonly kind: "data";
  readonly cluster: string;
  readonly key: string;
  /** All that stands under the key, the latest first, delete markers too: in a store without versions the object alone. */
  readonly versions: readonly BlobVersion[];
  /** What keeps it from being removed, of all its versions the longest; undefined where nothing does, or this role may not know. */
  readonly lock: BlobLock | undefined;
}

export interface Orphans {
  readonly orphans: readonly Orphan[];
  /** Data that cannot be told, since the manifest that could name it does not hold: it is left alone. */
  readonly unclear: readonly { readonly key: string; readonly reason: string }[];
}

export interface OrphanPorts extends Vault {
  readonly clock: Clock;
}

/**
 * A day: 24 times the longest that a backup may take by default. What is younger may belong to a run whose manifest is still to come, on this host or another; the same margin
 * covers two clocks that disagree.
 */
export const SWEEP_AFTER_MS = 86_400_000;

/** What killed runs and lost races left, of one cluster or of all, and older than `olderThanMs`. Changes nothing. */
export async function findOrphans(
  ports: OrphanPorts,
  options: { readonly cluster?: string | undefined; readonly olderThanMs: number },
): Promise<Orphans> {
  const before = ports.clock.now().getTime() - options.olderThanMs;
  const orphans: Orphan[] = [];
  const unclear: { key: string; reason: string }[] = [];
  for (const cluster of options.cluster === undefined ? await listClusters(ports.blobs) : [options.cluster]) {
    // Data first: a manifest that is committed meanwhile is then seen, never its absence.
    const candidates = [
      ...(await objectsUnder(ports, dataPrefix(cluster), (key) => idInDataKey(cluster, key))),
      ...(await objectsUnder(ports, verifiedPrefix(cluster), (key) => idInIndexKey(cluster, key))),
    ];
    const manifests = await versionsByKey(ports, snapshotsPrefix(cluster));
    for (const { id, key, versions } of candidates) {
      const modified = new Date(Math.max(...versions.map((each) => each.modified.getTime())));
      if (modified.getTime() > before) continue;
      const verdict = await neededBy(ports, cluster, id, key, manifests.get(manifestKey(cluster, id)) ?? []);
      if (verdict === "needed") continue;
      if ("unclear" in verdict) unclear.push({ key, reason: verdict.unclear });
      else {
        const bytes = versions.reduce((sum, each) => sum + each.bytes, 0);
        const lock = await lockOn(ports.blobs, key, versions);
        orphans.push({ kind: "data", cluster, key, versions, lock, bytes, modified, reason: verdict.reason });
      }
    }
  }
  if (options.cluster === undefined) {
    for await (const { id, bytes, modified } of ports.blobs.listUnfinished()) {
      if (modified.getTime() <= before) orphans.push({ kind: "unfinished", id, bytes, modified, reason: "the upload was never finished" });
    }
  }
  return { orphans, unclear };
}

interface DataObject {
  readonly id: string;
  readonly key: string;
  readonly versions: readonly BlobVersion[];
}

async function objectsUnder(vault: Vault, prefix: string, idIn: (key: string) => string | undefined): Promise<readonly DataObject[]> {
  return [...(await versionsByKey(vault, prefix))].flatMap(([key, versions]) => {
    const id = idIn(key);
    return id === undefined ? [] : [{ id, key, versions }];
  });
}

/** The id of the snapshot that an orphan of these kinds would belong to. */
export function idOfOrphan({ cluster, key }: Pick<OrphanedData, "cluster" | "key">): string | undefined {
  return idInDataKey(cluster, key) ?? idInIndexKey(cluster, key);
}

/** Of each key that begins with `prefix` all that stands there, the latest first. */
export async function versionsByKey({ blobs }: Pick<Vault, "blobs">, prefix: string): Promise<ReadonlyMap<string, readonly BlobVersion[]>> {
  const found = new Map<string, BlobVersion[]>();
  for await (const version of blobs.listVersions(prefix)) {
    const before = found.get(version.key);
    if (before === undefined) found.set(version.key, [version]);
    else before.push(version);
  }
  return found;
}

/** Of all that stands under a key, the lock that ends last. A role that may not ask finds out by the removal. */
export async function lockOn(blobs: BlobStore, key: string, versions: readonly BlobVersion[]): Promise<BlobLock | undefined> {
  let longest: BlobLock | undefined;
  for (const { version, isDeleteMarker } of versions) {
    if (isDeleteMarker) continue;
    const lock = await blobs.lockOf(key, { version }).catch(passOver("store/denied"));
    if (lock !== undefined)
      longest = {
        until: laterOf(lock.until, longest?.until),
        legalHold: lock.legalHold || longest?.legalHold === true,
      };
  }
  return longest;
}

function laterOf(one: Date | undefined, other: Date | undefined): Date | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one;
}

function passOver(code: ErrorCode): (error: unknown) => undefined {
  return (error) => {
    if (!isLifeboatError(error, code)) throw error;
  };
}

/**
 * Whether a manifest of the snapshot names its data, by all versions of it: one that was hidden or replaced may be brought back, and what it names is removed for good. A manifest that does not hold proves
 * nothing: what it might name is evidence, or the last copy.
 */
export async function neededBy(
  vault: Vault,
  cluster: string,
  id: string,
  key: string,
  manifests: readonly BlobVersion[],
): Promise<"needed" | { reason: string } | { unclear: string }> {
  const standing = manifests.filter(({ isDeleteMarker }) => !isDeleteMarker);
  if (isIndexKey(key)) return standing.length === 0 ? { reason: "no manifest names its snapshot" } : namedBy(vault, cluster, id, key);
  for (const { key: at, version, isLatest } of standing) {
    // The latest is read as any reader does: it takes no further right in a bucket without versions.
    const found = await readDocument(vault, "snapshot", cluster, at, isLatest ? {} : { version });
    if (found === undefined) return { unclear: `${at} was there a moment ago, and is gone` };
    if (found.state === "bad") return { unclear: found.error.message };
    if (found.state === "later" || found.document.id !== id)
      return { unclear: `${at} holds another document than this snapshot's manifest` };
    if (isStoredLater(found.document.stored)) return { unclear: `${at} is of a later version, which alone knows what data belongs to it` };
    if (!objectsOf(found.document.stored).some((each) => each.key === key)) continue;
    return isLatest
      ? "needed"
      : { unclear: `version ${version} of ${at} names it, and is not shown: somebody deleted or replaced that manifest` };
  }
  const lost = `the manifest of ${id} names another object: this run lost the race for its slot`;
  return { reason: standing.length === 0 ? "no manifest names it" : lost };
}

/** The same of an index, which a countersignature names. */
async function namedBy(
  vault: Vault,
  cluster: string,
  id: string,
  key: string,
): Promise<"needed" | { reason: string } | { unclear: string }> {
  const { good, bad } = await readCountersignatures(vault, cluster, id);
  if (good.get(id)?.some(({ index }) => index?.key === key) === true) return "needed";
  const [first] = bad;
  return first === undefined ? { reason: `no countersignature of ${id} names it` } : { unclear: first.error.message };
}
