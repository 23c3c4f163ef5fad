import { isFault } from "../../vault/custody/records.ts";
import { readRecordsBack } from "../../vault/custody/records-back.ts";
import { LifeboatError } from "../../errors.ts";
import { idInManifestKey, manifestKey, snapshotsPrefix } from "../../documents/layout.ts";
import { idOfSlot, isAhead, parseId, SKEW_MS } from "../../documents/slot.ts";
import type { Progress } from "../../progress.ts";
import type { Vault } from "../../vault/vault.ts";

/** A slot may be made up for so long whatever the rpo is: a day holds a night and a morning in which somebody mends things. */
const MAKE_UP_MS = 86_400_000;

/**
 * Throws `usage` for a slot that lies ahead, or that is so old that what is taken now would not stand for it: older than the rpo, and than a day, where it is not committed. Such a snapshot would
 * be found under a time at which its content did not exist, and might bring back a slot that retention has removed.
 */
export async function requireSlotInTime(
  ports: Vault,
  { cluster, slot, rpoMs }: { readonly cluster: string; readonly slot: Date; readonly rpoMs: number },
  now: Date,
): Promise<void> {
  if (isAhead(idOfSlot(slot), now)) {
    throw new LifeboatError("usage", `the slot ${slot.toISOString()} is in the future`, {
      hint: "check the time given, and this machine's clock",
    });
  }
  const longestMs = Math.max(rpoMs, MAKE_UP_MS);
  if (now.getTime() - slot.getTime() <= longestMs || (await isTaken(ports, cluster, idOfSlot(slot)))) return;
  // Then `takeSlot` ends the run, and the log is told.
  if ((await whyAbsent(ports, cluster, idOfSlot(slot), slot, undefined))?.isRecorded === true) return;
  throw new LifeboatError(
    "usage",
    `the slot ${slot.toISOString()} of ${cluster} is older than ${rpoMs > MAKE_UP_MS ? "the rpo" : "a day"}, and was not backed up at the time: a snapshot that is taken now cannot stand for it`,
    { hint: WITHOUT_SLOT },
  );
}

const WITHOUT_SLOT =
  "back up without a slot (without --slot; in the service: lifeboat invoke backup): the snapshot then stands for the current time";

/**
 * The id of this run. A slot that is committed is taken; by hand the next free ordinal of the second is found. A removed slot does not come back with another content: throws
 * `ref/removed` where a record of the custody log says that it was removed, and `usage` where the log only saw the snapshot, and it is gone.
 */
export async function takeSlot(
  ports: Vault,
  cluster: string,
  slot: Date | undefined,
  now: Date,
  signal?: AbortSignal,
): Promise<{ id: string; taken: boolean }> {
  if (slot === undefined) return { id: await freeId(ports, cluster, now), taken: false };
  const id = idOfSlot(slot);
  if (await isTaken(ports, cluster, id)) return { id, taken: true };
  const why = await whyAbsent(ports, cluster, id, slot, signal);
  if (why === undefined) return { id, taken: false };
  // Another run may have committed it since it was looked for.
  if (await isTaken(ports, cluster, id)) return { id, taken: true };
  const [code, what] = why.isRecorded ? (["ref/removed", "backed up, and removed since"] as const) : (["usage", "removed"] as const);
  throw new LifeboatError(code, `${cluster}/${id} was ${what}: ${why.reason}; a removed slot is not backed up again`, {
    hint: WITHOUT_SLOT,
  });
}

/**
 * What the log knows of a snapshot that is not there; undefined where it knows nothing, or only of a run that announced it and died before it was there. Of a manifest nothing is told
 * before its slot, apart from two clocks that differ.
 */
async function whyAbsent(
  vault: Vault,
  cluster: string,
  id: string,
  slot: Date,
  signal: AbortSignal | undefined,
): Promise<{ readonly isRecorded: boolean; readonly reason: string } | undefined> {
  const key = manifestKey(cluster, id);
  const since = new Date(slot.getTime() - SKEW_MS);
  for await (const { sequence, record } of readRecordsBack(vault, cluster, since, signal)) {
    if (isFault(record)) continue;
    const { event, subjects, details } = record;
    const about = subjects.filter((each) => each.key === key);
    if (event === "removed" && about.length > 0) return { isRecorded: true, reason: `record ${sequence} of the custody log says so` };
    if (details.seen?.key === key || about.some(({ digest }) => digest !== undefined))
      return { isRecorded: false, reason: `record ${sequence} of the custody log names it, and it is gone` };
  }
  return undefined;
}

/** Ids are times: as long as the clock is behind the newest one, `latest` names that and not what is taken now. Of an id further ahead the store's own time of it says which of the two is wrong. */
export async function warnIfBehind(
  { blobs, progress }: Pick<Vault, "blobs"> & { readonly progress: Progress },
  cluster: string,
  now: Date,
): Promise<void> {
  let newest: { readonly id: string; readonly slot: Date } | undefined;
  let planted: string | undefined;
  for await (const { key, modified } of blobs.list(snapshotsPrefix(cluster))) {
    const id = idInManifestKey(cluster, key);
    const slot = id === undefined ? undefined : parseId(id)?.slot;
    if (id === undefined || slot === undefined) continue;
    if (isAhead(id, now) && !isAhead(idOfSlot(modified), now)) planted = id;
    else if (newest === undefined || slot > newest.slot) newest = { id, slot };
  }
  if (planted !== undefined)
    progress.note("warn", `the id of ${cluster}/${planted} is in the future: it is never the latest; find out who wrote it`);
  if (newest === undefined || newest.slot <= now) return;
  progress.note(
    "warn",
    `this machine's clock is behind the newest snapshot: it says ${now.toISOString()}, and there is ${cluster}/${newest.id}; check that the clock is set by NTP`,
  );
}

export async function freeId({ blobs }: Pick<Vault, "blobs">, cluster: string, slot: Date): Promise<string> {
  for (let ordinal = 1; ; ordinal++) {
    const id = idOfSlot(slot, ordinal);
    if (parseId(id) === undefined)
      throw new LifeboatError("busy", `every id of the second ${slot.toISOString()} is taken`, { hint: "run the command again" });
    if (!(await isTaken({ blobs }, cluster, id))) return id;
  }
}

async function isTaken({ blobs }: Pick<Vault, "blobs">, cluster: string, id: string): Promise<boolean> {
  return (await blobs.head(manifestKey(cluster, id))) !== undefined;
}
