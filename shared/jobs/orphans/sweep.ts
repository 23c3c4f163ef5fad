import { manifestKey, partsOfKopiaKey } from "../../documents/layout.ts";
import type { CustodyReceipt } from "../../documents/parts.ts";
import { isLifeboatError } from "../../errors.ts";
import type { BlobLock, BlobStore, BlobVersion } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { digestOfBlob } from "../../store/digest-of-blob.ts";
import { appendRecord } from "../../vault/custody/append.ts";
import type { CustodyPorts, Subjects } from "../../vault/custody/append.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { idOfOrphan, lockOn, neededBy, versionsByKey } from "./find.ts";
import type { Orphan, OrphanedData } from "./find.ts";

/** Told of each orphan that a sweep has dealt with. */
export interface OnSweep {
  /** It is gone, by the store's own answer. */
  readonly swept: (orphan: Orphan) => void;
  /** A lock keeps it: it stays as it was. */
  readonly locked: (orphan: OrphanedData, lock: BlobLock) => void;
}

/**
 * Removes orphans that `findOrphans` gave, each looked at once more, in all their versions. Data is removed when the custody log has been told, with the audit key: which versions, and what was in them. What is locked
 * is left as it is, and not told of. (Unfinished uploads were never there, and belong to no cluster.) A signal ends it between two of them.
 */
export async function sweepOrphans(ports: CustodyPorts, orphans: readonly Orphan[], on: OnSweep, signal?: AbortSignal): Promise<void> {
  if (orphans.some(({ kind }) => kind === "data")) await requireTrustedKey(ports.keys, ports.trusted, "audit");
  for (const orphan of orphans) {
    throwIfAborted("the sweep", signal);
    if (orphan.kind === "unfinished") {
      await ports.blobs.removeUnfinished(orphan.id);
      on.swept(orphan);
      continue;
    }
    const id = idOfOrphan(orphan);
    if (id === undefined) throw new Error(`${orphan.key} is no data object of ${orphan.cluster}`);
    const at = manifestKey(orphan.cluster, id);
    const manifests = (await versionsByKey(ports, at)).get(at) ?? [];
    const verdict = await neededBy(ports, orphan.cluster, id, orphan.key, manifests);
    if (verdict === "needed" || "unclear" in verdict) continue;
    const lock = await sweepData(ports, orphan, verdict.reason, signal);
    if (lock === undefined) on.swept(orphan);
    else on.locked(orphan, lock);
  }
}

/** 500: a record of so many subjects is some 180 KiB, far below the largest document. */
const SUBJECTS_IN_A_RECORD = 500;

/** The lock that kept it; undefined where it is gone. */
async function sweepData(
  ports: CustodyPorts,
  { cluster, key, versions }: OrphanedData,
  reason: string,
  signal: AbortSignal | undefined,
): Promise<BlobLock | undefined> {
  const { blobs } = ports;
  const before = await lockOn(blobs, key, versions);
  if (before !== undefined) return before;
  // The latest last: until then what stands under the key is what stood there.
  const inTurn = versions.toReversed();
  for (let start = 0; start < inTurn.length; start += SUBJECTS_IN_A_RECORD) {
    const some = inTurn.slice(start, start + SUBJECTS_IN_A_RECORD);
    const subjects: Subjects[number][] = [];
    for (const each of some) if (!each.isDeleteMarker) subjects.push(await subjectOf(blobs, each, signal));
    const record =
      subjects.length === 0 ? undefined : await appendRecord(ports, cluster, "audit", { event: "removed", subjects, details: { reason } });
    const lock = await removeInTurn(some, ports, { cluster, record, subjects });
    if (lock !== undefined) return lock;
  }
  return undefined;
}

/** Where one is refused, the log is told which of those that it was told of stay. */
async function removeInTurn(
  versions: readonly BlobVersion[],
  ports: CustodyPorts,
  announced: { readonly cluster: string; readonly record: CustodyReceipt | undefined; readonly subjects: Subjects },
): Promise<BlobLock | undefined> {
  const gone = new Set<string | undefined>();
  for (const { key, version } of versions) {
    try {
      await ports.blobs.remove(key, { version });
      gone.add(version);
    } catch (error) {
      if (!isLifeboatError(error, "store/locked", "store/denied")) throw error;
      const stay = announced.subjects.filter((each) => !gone.has(each.version));
      if (announced.record !== undefined && stay.length > 0) {
        const details = { code: error.code, reason: error.message, of: announced.record.sequence };
        await appendRecord(ports, announced.cluster, "audit", { event: "failed", subjects: stay, details });
      }
      if (error.lock === undefined) throw error;
      return error.lock;
    }
  }
  return undefined;
}

/** Read once more before it goes: nobody can say later what it was. A snapshot in a Kopia repository is no object with a digest; there Kopia's id, the version, says what goes. */
async function subjectOf(
  blobs: BlobStore,
  { key, version, bytes }: BlobVersion,
  signal: AbortSignal | undefined,
): Promise<Subjects[number]> {
  const what = partsOfKopiaKey(key) === undefined ? await digestOfBlob(blobs, key, { version, signal }) : { bytes };
  return { key, ...(version === undefined ? {} : { version }), ...what };
}
