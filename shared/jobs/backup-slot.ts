import { LifeboatError } from "../errors.ts";
import { idInManifestKey, manifestKey, snapshotsPrefix } from "../manifest/layout.ts";
import { idOfSlot, isAhead, parseId } from "../manifest/slot.ts";
import type { Progress } from "../progress.ts";
import type { Vault } from "./catalog.ts";

/** The id of this run. A slot that is committed is taken; by hand the next free ordinal of the second is found. */
export async function takeSlot(
  ports: Pick<Vault, "blobs">,
  cluster: string,
  slot: Date | undefined,
  now: Date,
): Promise<{ id: string; taken: boolean }> {
  if (slot === undefined) return { id: await freeId(ports, cluster, now), taken: false };
  const id = idOfSlot(slot);
  return { id, taken: await isTaken(ports, cluster, id) };
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
    `this machine's clock is behind the newest snapshot: it says ${now.toISOString()}, and there is ${cluster}/${newest.id}; see that the clock is set by NTP`,
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
