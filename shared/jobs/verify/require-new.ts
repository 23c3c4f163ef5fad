import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import type { Clock } from "../../clock.ts";
import { LifeboatError } from "../../errors.ts";
import { replayOf } from "../../documents/replay.ts";
import { compareIds, idOfSlot } from "../../documents/slot.ts";
import { listIds, readIfHolds } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import type { Vault } from "../../vault/vault.ts";
import { doubtTimes, isCountersigned } from "../../vault/doubt-times.ts";

/** On either side of when a snapshot was begun: four days of hourly backups. More would make a verification of thousands read all of them each time. */
const NEIGHBOURS = 100;

const HINTS = {
  "verify/replayed":
    "take a backup now. If that is verified, two members of an idle cluster sent the same bytes, which may happen; if this comes again, find out who can sign with the snapshot key: lifeboat custody shows who says to have made it",
  "verify/stale": "take a backup now, and find out who can sign with the snapshot key: lifeboat custody shows who says to have made it",
} as const;

/**
 * Throws where a manifest claims a time that cannot be (`verify/times`), or is an older snapshot once more (`verify/replayed`, `verify/stale`), which whoever stole the writer's key can sign. One that is
 * countersigned was held against its neighbours when it was new: what comes later takes nothing from it.
 */
export async function requireNew(ports: Vault & { readonly clock: Clock }, found: FoundManifest, signal?: AbortSignal): Promise<void> {
  const { manifest } = found;
  const known = await isCountersigned(ports, found);
  await requirePlausible(ports, found, { known, signal });
  if (known) return;
  for (const neighbour of await readNeighbours(ports, found, signal)) {
    const replay = await replayOf(manifest, { manifest: neighbour.manifest, isCountersigned: () => isCountersigned(ports, neighbour) });
    if (replay === undefined) continue;
    throw new LifeboatError(replay.code, `${manifest.cluster}/${manifest.id} is not believed: ${replay.message}`, {
      hint: HINTS[replay.code],
    });
  }
}

/** Throws `verify/times` where a manifest's times cannot be; see `doubtTimes`. */
export async function requirePlausible(
  ports: Parameters<typeof doubtTimes>[0],
  found: FoundManifest,
  options: Parameters<typeof doubtTimes>[2],
): Promise<void> {
  const { cluster, id } = found.manifest;
  const doubts = await doubtTimes(ports, found, options);
  if (doubts.length === 0) return;
  throw new LifeboatError("verify/times", `the times of ${cluster}/${id} are impossible: ${doubts.join("; ")}`, {
    hint: "if the clocks of the store, of this host and of the one that backs up are right, and the store was not copied since, find out who can sign with the snapshot key",
  });
}

/** The snapshots around the time at which this one was begun by its own word, nearest first. Those whose manifest does not hold say nothing here. */
async function readNeighbours(vault: Vault, { manifest }: FoundManifest, signal?: AbortSignal): Promise<readonly FoundManifest[]> {
  const { cluster, id, startedAt } = manifest;
  // The last of that second. Not its own id, which a thief chooses.
  const begun = `${idOfSlot(new Date(startedAt))}-9999`;
  const others = (await listIds(vault.blobs, cluster, signal)).filter((each) => each !== id);
  const before = others
    .filter((each) => compareIds(each, begun) <= 0)
    .slice(-NEIGHBOURS)
    .toReversed();
  const after = others.filter((each) => compareIds(each, begun) > 0).slice(0, NEIGHBOURS);
  const ids = [...before, ...after];
  const found: FoundManifest[] = [];
  for await (const neighbour of mapConcurrently(ids, PARALLEL_READS, (each) => readIfHolds(vault, cluster, each))) {
    signal?.throwIfAborted();
    if (neighbour !== undefined) found.push(neighbour);
  }
  return found;
}
