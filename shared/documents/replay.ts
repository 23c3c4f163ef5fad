import { isWhole, revisionOf } from "./content.ts";
import type { Manifest } from "./manifest.ts";
import { objectsOf } from "./stored.ts";
import { compareIds } from "./slot.ts";

/** Another snapshot of the same cluster, which a new one is held against. */
export interface Neighbour {
  readonly manifest: Manifest;
  /** Asked only where it matters: whether the audit key has countersigned it. */
  readonly isCountersigned: () => Promise<boolean>;
}

export interface Replay {
  readonly code: "verify/replayed" | "verify/stale";
  /** One sentence, lower case, no full stop; without the name of the snapshot that it is about. */
  readonly message: string;
}

/**
 * Whether `manifest`, which nobody has countersigned yet, is an older snapshot once more, as far as one neighbour can tell:
 *
 * - the same bytes, as etcd sent them or as they are stored: a member gives no two snapshots with one SHA-256, since each counts up its transactions. (Two members of an idle cluster may, where both wrote their files in the same steps: then one backup more is what it takes.) The one that is countersigned, or else the one that was made first, is the real one.
 * - content that is older than what was countersigned before it was begun: in one lineage the revision never goes back. The same revision is an idle cluster. Copies in quarantine, on either side, prove nothing,
 *   nor does one that was taken at the same time.
 */
export async function replayOf(manifest: Manifest, { manifest: other, isCountersigned }: Neighbour): Promise<Replay | undefined> {
  if (isSame(manifest, other) && (isBefore(other, manifest) || (await isCountersigned())))
    return {
      code: "verify/replayed",
      message: `it repeats ${other.cluster}/${other.id}: both have the same bytes, which no member sends twice`,
    };
  if (!isOlder(manifest, other) || !(await isCountersigned())) return undefined;
  return {
    code: "verify/stale",
    message: `it is of revision ${revisionOf(manifest)}, and ${other.cluster}/${other.id}, which was taken before it and is countersigned, is of revision ${revisionOf(other)}: its content is older than it says`,
  };
}

function isSame(one: Manifest, other: Manifest): boolean {
  if (one.snapshot.sha256 === other.snapshot.sha256) return true;
  const digests = new Set(objectsOf(other.stored).map(({ sha256 }) => sha256));
  return objectsOf(one.stored).some(({ sha256 }) => digests.has(sha256));
}

function isBefore(one: Manifest, other: Manifest): boolean {
  const difference = Date.parse(one.createdAt) - Date.parse(other.createdAt);
  return difference < 0 || (difference === 0 && compareIds(one.id, other.id) < 0);
}

function isOlder(manifest: Manifest, before: Manifest): boolean {
  if (manifest.lineage !== before.lineage || manifest.quarantine !== undefined || before.quarantine !== undefined) return false;
  if (!isWhole(manifest.content) || !isWhole(before.content)) return false;
  return Date.parse(before.createdAt) <= Date.parse(manifest.startedAt) && manifest.content.revision < before.content.revision;
}
