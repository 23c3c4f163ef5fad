import type { Clock } from "../../clock.ts";
import { STORE_KEY } from "../../documents/layout.ts";
import { LifeboatError } from "../../errors.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import type { BlobStore, BlobVersion } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { extendLogLocks } from "./extend-log-locks.ts";
import { objectsInTurn } from "./inventory.ts";
import type { Holding } from "./inventory.ts";
import { beginStep } from "./keeper-steps.ts";
import { isHopeless } from "./lock-terms.ts";
import type { LockExtension, LockPorts, LockTerms } from "./lock-terms.ts";
import type { RemovalPlan } from "./plan.ts";

/**
 * Renews the locks of all that is kept: of `kept`, which `keptObjects` gives; of the store's mark; and of the custody log. A lock that ends within half of
 * `keptLockMs` is extended to `keptLockMs` from now, so that an outage of the keeper for half that time leaves all of it covered. None is ever shortened.
 */
export async function extendLocks(
  ports: LockPorts & { readonly clock: Clock },
  cluster: string,
  kept: readonly BlobVersion[],
  { keptLockMs, lockMs = 0 }: { readonly keptLockMs: number; readonly lockMs?: number | undefined },
  signal?: AbortSignal,
): Promise<LockExtension> {
  const terms: LockTerms = { now: ports.clock.now().getTime(), keptMs: keptLockMs, putMs: lockMs };
  const ofSnapshots = await extendEach(ports, [...kept, ...(await marksIn(ports.blobs, signal))], terms, signal);
  if (isHopeless(ofSnapshots)) return ofSnapshots;
  const ofLog = await extendLogLocks(ports, cluster, terms, signal);
  return { extended: ofSnapshots.extended + ofLog.extended, failed: [...ofSnapshots.failed, ...ofLog.failed] };
}

/**
 * Of each snapshot that the plan keeps its manifest, the documents beside it and its data; and lineages with their acceptances. To be given the keeper's own plan, which asks for no locks: what its lock alone keeps is to go there, and is
 * not locked anew.
 */
export function keptObjects({
  decisions,
  leftovers,
  facts: { inventory },
}: Pick<RemovalPlan, "decisions" | "leftovers" | "facts">): readonly BlobVersion[] {
  const decided = new Map(decisions.map(({ id, verdict }) => [id, verdict]));
  const left = new Set(leftovers.map(({ holding: { id } }) => id));
  const isKept = ({ id, sidecars }: Holding): boolean => {
    const verdict = decided.get(id);
    // It was whole, and somebody deleted its manifest without an order: its data may be the last copy.
    return verdict === undefined ? sidecars.length > 0 && !left.has(id) : verdict === "keep";
  };
  return [...[...inventory.holdings.values()].filter(isKept).flatMap(lastingObjects), ...inventory.lineage];
}

/** But for published bundles, which can be made again. */
function lastingObjects(holding: Holding): readonly BlobVersion[] {
  return objectsInTurn({ ...holding, bundles: [] });
}

async function marksIn(blobs: BlobStore, signal: AbortSignal | undefined): Promise<readonly BlobVersion[]> {
  const marks: BlobVersion[] = [];
  for await (const version of blobs.listVersions(STORE_KEY, { signal })) if (version.key === STORE_KEY) marks.push(version);
  return marks;
}

async function extendEach(
  { blobs, progress }: LockPorts,
  objects: readonly BlobVersion[],
  { now, keptMs }: LockTerms,
  signal: AbortSignal | undefined,
): Promise<LockExtension> {
  let extended = 0;
  const failed: { key: string; message: string }[] = [];
  const renew = async ({ key, version }: BlobVersion): Promise<void> => {
    throwIfAborted("the renewal of locks", signal);
    if (isHopeless({ extended, failed })) return;
    const lock = await blobs.lockOf(key, { version, signal });
    if (lock?.legalHold === true || (lock?.until !== undefined && lock.until.getTime() >= now + keptMs / 2)) return;
    beginStep(progress, "lock");
    await blobs.extendLock(key, version, new Date(now + keptMs), { signal });
    extended++;
  };
  const renewed = mapConcurrently(
    objects.filter(({ isDeleteMarker }) => !isDeleteMarker),
    PARALLEL_READS,
    async (each) => {
      try {
        await renew(each);
      } catch (error) {
        if (!(error instanceof LifeboatError) || error.code === "interrupted") throw error;
        failed.push({ key: each.key, message: error.message });
      }
    },
  );
  for await (const _ of renewed);
  return { extended, failed };
}
