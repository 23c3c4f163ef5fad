import { LifeboatError } from "../errors.ts";
import { compareIds, parseId, SKEW_MS } from "../documents/slot.ts";
import { tryManifest } from "./catalog.ts";
import type { FoundManifest } from "./catalog.ts";
import type { Vault } from "./vault.ts";
import type { JudgePorts } from "./judge.ts";

/** A snapshot whose manifest does not hold, and why. */
export interface Unbelieved {
  readonly id: string;
  readonly error: LifeboatError;
}

/** So many are read at a time, of which most often the first is all that is wanted. */
const BATCH = 32;

const DAY_MS = 86_400_000;
/** More than any run takes from when its slot is looked at to its manifest. */
const LONGEST_RUN_MS = 21_600_000;

/**
 * The snapshots of a cluster, or those whose data was taken at or before `until`, by when it was taken, newest first; one whose manifest does not hold comes before those with a smaller id. Reads only as
 * many manifests as are asked for, and those that could come before them.
 *
 * The data was taken between `startedAt` and `createdAt` of the manifest, so `createdAt` is the time at which it is known to be there: by it nothing is ever newer than `until`. What
 * claims a time that has not come is left out. The ids bound what has to be read. No run takes a slot that has not come, so ids past `until` (and what clocks differ) are out. A run may be
 * late, and its content newer than its id says, by no more than max(rpo, 1 day) before its slot is refused: once ids are older than what was found by more than that, none of them can be
 * newer. (One that was later all the same, by an earlier version or another rpo, may stand behind its place: then an older one comes first, and never a newer one.)
 *
 * @param ids oldest first, as `listIds` gives them
 */
export async function* newestFirst(
  ports: JudgePorts,
  cluster: string,
  ids: readonly string[],
  until?: Date,
): AsyncGenerator<FoundManifest | Unbelieved, void, undefined> {
  const lateMs = Math.max(ports.policyOf(cluster)?.rpoMs ?? 0, DAY_MS) + LONGEST_RUN_MS;
  const horizonMs = ports.clock.now().getTime() + SKEW_MS;
  const untilMs = Math.min(until?.getTime() ?? horizonMs, horizonMs);
  const left = ids.filter((id) => slotMs(id) <= Math.min(untilMs + SKEW_MS, horizonMs)).toReversed();
  let waiting: Placed[] = [];
  for (let start = 0; start < left.length; start += BATCH) {
    const batch = await Promise.all(left.slice(start, start + BATCH).map((id) => placed(ports, cluster, id)));
    waiting = inOrder([...waiting, ...batch.filter(({ takenMs }) => takenMs <= untilMs)]);
    const next = left[start + BATCH];
    const boundMs = next === undefined ? Number.NEGATIVE_INFINITY : slotMs(next) + lateMs;
    while (waiting[0] !== undefined && waiting[0].takenMs > boundMs) {
      yield waiting[0].snapshot;
      waiting = waiting.slice(1);
    }
  }
}

interface Placed {
  readonly id: string;
  readonly takenMs: number;
  readonly snapshot: FoundManifest | Unbelieved;
}

async function placed(vault: Vault, cluster: string, id: string): Promise<Placed> {
  const snapshot = await tryManifest(vault, cluster, id);
  return snapshot instanceof LifeboatError
    ? { id, takenMs: slotMs(id), snapshot: { id, error: snapshot } }
    : { id, takenMs: Date.parse(snapshot.manifest.createdAt), snapshot };
}

/** Newest first. When one was taken that does not hold is not known, and it is never passed over in silence: it comes before all that have a smaller id. */
function inOrder(all: readonly Placed[]): Placed[] {
  let newestMs = Number.NEGATIVE_INFINITY;
  const byId = all.toSorted((a, b) => compareIds(a.id, b.id));
  const placedAnew = byId.map((each) => {
    newestMs = Math.max(newestMs, each.takenMs);
    return "error" in each.snapshot ? { ...each, takenMs: newestMs } : each;
  });
  return placedAnew.toSorted(newerFirst);
}

/** Within one instant by id. */
function newerFirst(a: Placed, b: Placed): number {
  return b.takenMs - a.takenMs || compareIds(b.id, a.id);
}

function slotMs(id: string): number {
  return parseId(id)?.slot.getTime() ?? Number.NEGATIVE_INFINITY;
}
