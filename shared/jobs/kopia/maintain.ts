import type { RepositoryFacts, RepositoryMaintenance, SnapshotRepository } from "../../store/snapshot-repository.ts";

export interface KopiaStatusReport {
  readonly location: string;
  readonly facts: RepositoryFacts;
  readonly snapshots: number;
  readonly size: { readonly count: number; readonly bytes: number };
  readonly maintenance: RepositoryMaintenance;
  readonly waiting: Waiting;
}

/** What was removed and is not given back yet. */
export interface Waiting {
  /** Of data that no snapshot has any more, as the last full maintenance saw it; undefined where none has looked. */
  readonly bytes: number | undefined;
  /** When the next full maintenance may give some of it back; undefined where none was run yet. */
  readonly until: Date | undefined;
}

export async function kopiaStatus(repository: SnapshotRepository): Promise<KopiaStatusReport> {
  const facts = await repository.status();
  const snapshots = await repository.countSnapshots();
  const size = await repository.size();
  const maintenance = await repository.maintenance();
  return { location: repository.location, facts, snapshots, size, maintenance, waiting: waitingIn(maintenance) };
}

export interface KopiaMaintained extends KopiaStatusReport {
  /** Bytes of the storage that are free now, and were not before; below zero where it grew. */
  readonly freed: number;
  /** Blobs whose locks this run extended; undefined where the repository has none to extend. */
  readonly locksExtended: number | undefined;
}

/** Runs Kopia's maintenance with its own safety margins, and says what it gave back and what waits. Throws `busy` where another runs it. */
export async function maintainKopia(
  repository: SnapshotRepository,
  mode: "quick" | "full",
  signal?: AbortSignal,
): Promise<KopiaMaintained> {
  const before = await repository.size();
  const { runs } = await repository.maintenance();
  const earlier = runs.find(isExtension)?.start;
  await repository.maintain(mode, signal);
  const status = await kopiaStatus(repository);
  const extension = status.maintenance.runs.find((each) => isExtension(each) && (earlier === undefined || each.start > earlier));
  const locksExtended = extension?.success === true ? (extension.counts["extendedBlobCount"] ?? 0) : undefined;
  return { ...status, freed: before.bytes - status.size.bytes, locksExtended };
}

function isExtension({ task }: RepositoryMaintenance["runs"][number]): boolean {
  return task === "extend-blob-retention-time";
}

/** Of each step the last run alone counts. */
export function failedSteps({ runs }: RepositoryMaintenance): RepositoryMaintenance["runs"] {
  const seen = new Set<string>();
  return runs.filter(({ task, success }) => {
    const isLast = !seen.has(task);
    seen.add(task);
    return isLast && !success;
  });
}

/** Kopia's words: https://github.com/kopia/kopia/tree/master/snapshot/snapshotgc and repo/maintenance. */
function waitingIn({ runs, nextFull }: RepositoryMaintenance): Waiting {
  const counts = runs.find(({ task, success }) => task === "snapshot-gc" && success)?.counts;
  if (counts === undefined) return { bytes: undefined, until: nextFull };
  const { unreferencedRecentContentSize = 0, deletedContentSize = 0 } = counts;
  return { bytes: unreferencedRecentContentSize + deletedContentSize, until: nextFull };
}
