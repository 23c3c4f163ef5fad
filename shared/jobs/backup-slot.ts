import { LifeboatError } from "../errors.ts";
import { manifestKey } from "../manifest/layout.ts";
import { idOfSlot, parseId } from "../manifest/slot.ts";
import type { Progress } from "../progress.ts";
import { listIds } from "./catalog.ts";
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

/** Ids are times: as long as the clock is behind the newest one, `latest` names that and not what is taken now. */
export async function warnIfBehind(
  { blobs, progress }: Pick<Vault, "blobs"> & { readonly progress: Progress },
  cluster: string,
  now: Date,
): Promise<void> {
  const newest = (await listIds(blobs, cluster)).at(-1);
  const slot = newest === undefined ? undefined : parseId(newest)?.slot;
  if (slot === undefined || slot <= now) return;
  progress.note(
    "warn",
    `this machine's clock is behind the newest snapshot: it says ${now.toISOString()}, and ${cluster}/${newest} stays the latest until then; see that the clock is set by NTP`,
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
