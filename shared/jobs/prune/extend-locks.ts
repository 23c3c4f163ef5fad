import type { Clock } from "../../clock.ts";
import { LifeboatError } from "../../errors.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import type { Progress } from "../../progress.ts";
import type { BlobStore, BlobVersion } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { objectsInTurn } from "./inventory.ts";
import { beginStep } from "./keeper-steps.ts";
import type { RemovalPlan } from "./plan.ts";

export interface LockExtension {
  /** Objects that are locked for longer now. */
  readonly extended: number;
  /** Objects whose lock could not be renewed, and why. */
  readonly failed: readonly { readonly key: string; readonly message: string }[];
}

/**
 * Renews the locks of all that the plan keeps: of each snapshot its manifest, the documents beside it and its data, and of the lineages. A lock that ends within half of `keptLockMs` is extended to `keptLockMs` from now, so that an
 * outage of the keeper for half that time leaves all of it covered. None is ever shortened. To be given the keeper's own plan, which asks for no locks: what its lock alone keeps is to go there, and is not locked anew.
 */
export async function extendLocks(
  { blobs, clock, progress }: { readonly blobs: BlobStore; readonly clock: Clock; readonly progress: Progress },
  { decisions, facts }: Pick<RemovalPlan, "decisions" | "facts">,
  keptLockMs: number,
  signal?: AbortSignal,
): Promise<LockExtension> {
  const now = clock.now().getTime();
  const kept = [
    ...decisions.filter(({ verdict }) => verdict === "keep").flatMap(({ holding }) => objectsInTurn(holding)),
    ...facts.inventory.lineage,
  ].filter(({ isDeleteMarker }) => !isDeleteMarker);
  let extended = 0;
  const failed: { key: string; message: string }[] = [];
  const renew = async ({ key, version }: BlobVersion): Promise<void> => {
    throwIfAborted("the renewal of locks", signal);
    const lock = await blobs.lockOf(key, { version, signal });
    if (lock?.legalHold === true || (lock?.until !== undefined && lock.until.getTime() >= now + keptLockMs / 2)) return;
    beginStep(progress, "lock");
    await blobs.extendLock(key, version, new Date(now + keptLockMs), { signal });
    extended++;
  };
  const renewed = mapConcurrently(kept, PARALLEL_READS, async (each) => {
    try {
      await renew(each);
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code === "interrupted") throw error;
      failed.push({ key: each.key, message: error.message });
    }
  });
  for await (const _ of renewed);
  return { extended, failed };
}
