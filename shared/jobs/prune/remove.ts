import { kindOfKey } from "../../documents/layout.ts";
import { digestOf, MAX_DOCUMENT_BYTES } from "../../documents/signed-document.ts";
import { isLifeboatError } from "../../errors.ts";
import { mapConcurrently } from "../../map-concurrently.ts";
import type { Progress } from "../../progress.ts";
import { readSmall } from "../../store/blob-store.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import type { OrderedObject, OrderedRemoval, Refusal } from "./judge-order.ts";
import { beginStep } from "./keeper-steps.ts";
import { newestLock } from "./newest-lock.ts";

export interface LockedRemoval {
  readonly id: string;
  readonly key: string;
  /** Undefined where it has no end, or nobody says. */
  readonly until: Date | undefined;
}

export interface Removed {
  /** What is gone, by the store's own answer. */
  readonly removed: readonly OrderedRemoval[];
  readonly locked: readonly LockedRemoval[];
  /** What is another object now than the one that was ordered to go. */
  readonly changed: readonly Refusal[];
}

export interface RemovePorts {
  readonly blobs: BlobStore;
  readonly progress: Progress;
}

/** Snapshots that are removed at a time; of each one object after the other. */
const AT_ONCE = 16;

/** Removes what `judgeOrder` allowed. A lock that is seen beforehand keeps the whole snapshot; one that shows only now keeps what it is on. Throws `store/...`, `interrupted`. */
export async function removeOrdered(
  ports: RemovePorts,
  cluster: string,
  allowed: readonly OrderedRemoval[],
  signal?: AbortSignal,
): Promise<Removed> {
  const removed: OrderedRemoval[] = [];
  const locked: LockedRemoval[] = [];
  const changed: Refusal[] = [];
  for await (const done of mapConcurrently(allowed, AT_ONCE, (each) => removeOne(ports, cluster, each, signal))) {
    if (done.objects.length > 0) removed.push({ id: done.id, objects: done.objects });
    locked.push(...done.locked);
    changed.push(...done.changed);
  }
  return { removed, locked, changed };
}

interface RemovedOne extends OrderedRemoval {
  readonly locked: readonly LockedRemoval[];
  readonly changed: readonly Refusal[];
}

async function removeOne(
  { blobs, progress }: RemovePorts,
  cluster: string,
  { id, objects }: OrderedRemoval,
  signal: AbortSignal | undefined,
): Promise<RemovedOne> {
  const before = await newestLock(blobs, objects, signal);
  if (before !== undefined) return { id, objects: [], locked: [{ id, key: before.key, until: before.until }], changed: [] };
  const gone: OrderedObject[] = [];
  const locked: LockedRemoval[] = [];
  for (const object of objects) {
    throwIfAborted("the removal of what was ordered", signal);
    const step = stepOf(cluster, object.key);
    beginStep(progress, step);
    if (await isOther(blobs, object, signal))
      return {
        id,
        objects: gone,
        locked,
        changed: [{ subject: object.key, reason: "it is not the object that was ordered to be removed: it was replaced since" }],
      };
    try {
      await blobs.remove(object.key, { version: object.version, signal });
      gone.push(object);
    } catch (error) {
      if (!isLifeboatError(error, "store/locked")) throw error;
      locked.push({ id, key: object.key, until: error.lock?.until });
      // What stands as a snapshot stands whole.
      if (step === "manifest") break;
    }
  }
  return { id, objects: gone, locked, changed: [] };
}

function stepOf(cluster: string, key: string): "manifest" | "bundle" | "sidecar" | "data" {
  const { kind } = kindOfKey(cluster, key);
  return kind === "manifest" || kind === "bundle" || kind === "data" ? kind : "sidecar";
}

/** Only a store without versions can have something else under the same name. A document is read; of data the size has to do. */
async function isOther(
  blobs: BlobStore,
  { key, version, digest, bytes }: OrderedObject,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (version !== undefined) return false;
  try {
    if (digest !== undefined && bytes <= MAX_DOCUMENT_BYTES && key.endsWith(".json"))
      return digestOf(await readSmall(blobs, key, MAX_DOCUMENT_BYTES, signal)) !== digest;
    const info = await blobs.head(key, { signal });
    return info !== undefined && info.bytes !== bytes;
  } catch (error) {
    // Gone meanwhile: another run of the keeper.
    if (isLifeboatError(error, "verify/missing")) return false;
    throw error;
  }
}
