import { isBelieved } from "../facts.ts";
import type { ClusterFacts, ClusterPolicy, GoodSnapshot } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { aboutSnapshots } from "../about-many.ts";

/** A day: the keeper comes once a day, and a put may take hours after the store has counted from its beginning. */
const SLACK_MS = 86_400_000;

/** Until when a snapshot is locked by the configuration at least; undefined where it says nothing. `isKept`: whether retention keeps it, and its lock is renewed. */
export function promisedLock(
  { lockMs, keptLockMs }: Pick<ClusterPolicy, "lockMs" | "keptLockMs">,
  { startedAt }: Pick<GoodSnapshot, "startedAt">,
  { now, isKept }: { readonly now: number; readonly isKept: boolean },
): number | undefined {
  if (lockMs === undefined) return undefined;
  const put = startedAt + lockMs;
  // Renewed once half of it is over.
  const kept = keptLockMs === undefined || !isKept ? put : Math.max(put, now + keptLockMs / 2);
  return kept - SLACK_MS > now ? kept - SLACK_MS : undefined;
}

/** Whether what is kept is locked for as long as the configuration says. `goingNow` gives the ids that retention lets go. */
export function judgeLocks(
  { cluster, now, policy, snapshots }: Pick<ClusterFacts, "cluster" | "now" | "policy" | "snapshots">,
  goingNow: () => ReadonlySet<string>,
): readonly Finding[] {
  if (!snapshots.known || policy?.lockMs === undefined) return [];
  const going = goingNow();
  const missing: string[] = [];
  const short: string[] = [];
  for (const each of snapshots.value) {
    if (!isBelieved(each) || !each.lockedUntil.known) continue;
    const promised = promisedLock(policy, each, { now, isKept: !going.has(each.id) });
    if (promised === undefined) continue;
    const { value: until } = each.lockedUntil;
    if (until === undefined || until <= now) missing.push(each.id);
    else if (until < promised) short.push(each.id);
  }
  return [
    ...aboutSnapshots("lock/missing", cluster, missing, {
      message: (count) =>
        `${count} ${missing.length === 1 ? "is" : "are"} not locked, and whoever can delete from the store can delete ${missing.length === 1 ? "it" : "them"}`,
      fix: () => FIX,
    }),
    ...aboutSnapshots("lock/short", cluster, short, {
      message: (count) => `the lock of ${count} ends sooner than the configuration says`,
      fix: () => FIX,
    }),
  ];
}

const FIX = "lifeboat doctor --store says whether the bucket locks; lifeboat prune CLUSTER --execute renews the locks of what is kept";
