import type { Clock } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { manifestKey } from "../../documents/layout.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import { objectsOf } from "../../documents/stored.ts";
import { stateOfObject } from "../../store/stored-object.ts";
import type { Replica } from "../../store/replica.ts";
import { within } from "../../within.ts";
import type { Patience } from "../../within.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import type { Vault } from "../../vault/vault.ts";
import { listIds } from "../../vault/catalog.ts";
import { compareDocuments } from "./documents.ts";

export interface StandingPorts extends Vault {
  readonly replicas: readonly Replica[];
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** 10 s: a person waits for a list, and a listing of ten thousand snapshots takes two from another continent. */
const LOOK_MS = 10_000;

/** The snapshots in one replica. */
export interface ReplicaListing {
  readonly name: string;
  readonly location: string;
  /** `CLUSTER/ID` of each, oldest first, by what is listed there: the manifests are not read. Undefined where the replica could not be asked. */
  readonly refs: ReadonlySet<string> | undefined;
  readonly error: LifeboatError | undefined;
}

/** What each replica has of these clusters. One that does not answer in time, or fails, is told as such; so is one that has not answered once `giveUp` aborts, with its reason. */
export async function listReplicas(
  { replicas, clock, signal: ended }: Pick<StandingPorts, "replicas" | "clock" | "signal">,
  clusters: readonly string[],
  giveUp?: AbortSignal,
): Promise<readonly ReplicaListing[]> {
  return Promise.all(
    replicas.map(async (replica) => {
      const head = { name: replica.name, location: replica.blobs.location };
      const asked = await askReplica(replica, { clock, signal: ended, giveUp }, async (blobs, signal) => {
        const ids = await Promise.all(clusters.map((cluster) => listIds(blobs, cluster, signal)));
        return new Set(ids.flatMap((of, index) => of.map((id) => `${clusters[index]}/${id}`)));
      });
      return isLifeboatError(asked) ? { ...head, refs: undefined, error: asked } : { ...head, refs: asked, error: undefined };
    }),
  );
}

export interface Standing {
  readonly name: string;
  readonly location: string;
  /**
   * `present`: the same manifest, and data of the right size; `missing`: no manifest; `different`: another manifest; `incomplete`: the manifest without its data, or with data of
   * another size; `unknown`: the replica could not be asked.
   */
  readonly state: "present" | "missing" | "different" | "incomplete" | "unknown";
  /** Where the state is not `present` or `missing`, why. */
  readonly reason: string | undefined;
}

/** Where one snapshot stands. Reads metadata only. */
export async function standings(
  { blobs: from, replicas, clock, signal: ended }: StandingPorts,
  found: FoundManifest,
): Promise<readonly Standing[]> {
  return Promise.all(
    replicas.map(async (replica) => {
      const answer = await askReplica(replica, { clock, signal: ended }, (to, signal) => stateOf(from, to, found, signal));
      const head = { name: replica.name, location: replica.blobs.location };
      return isLifeboatError(answer) ? { ...head, state: "unknown" as const, reason: answer.message } : { ...head, ...answer };
    }),
  );
}

async function stateOf(
  from: BlobStore,
  to: BlobStore,
  { manifest: { cluster, id, stored } }: FoundManifest,
  signal: AbortSignal,
): Promise<Pick<Standing, "state" | "reason">> {
  const there = await compareDocuments({ from, to, key: manifestKey(cluster, id), signal });
  if (there.to === undefined) return { state: "missing", reason: undefined };
  if (there.conflict !== undefined) return { state: "different", reason: there.conflict };
  for (const object of objectsOf(stored)) {
    const { state, bytes } = await stateOfObject(to, object, signal);
    if (state === "present") continue;
    const is = state === "missing" ? "is not there" : `has ${bytes} bytes in place of ${object.bytes}`;
    return { state: "incomplete", reason: `${object.key} ${is}` };
  }
  return { state: "present", reason: undefined };
}

/** What `question` gives, or why the replica does not answer it within ten seconds. */
export async function askReplica<T>(
  { name, blobs }: Replica,
  { clock, signal, giveUp }: Omit<Patience, "ms"> & { readonly giveUp?: AbortSignal | undefined },
  question: (blobs: BlobStore, signal: AbortSignal) => Promise<T>,
): Promise<T | LifeboatError> {
  const late = (when: string): LifeboatError =>
    new LifeboatError("store/failed", `the replica ${name} (${blobs.location}) did not answer ${when}`, {
      hint: "check that it can be reached from here",
    });
  const ends = [signal, giveUp].filter((each) => each !== undefined);
  try {
    return await within(
      { clock, ms: LOOK_MS, signal: AbortSignal.any(ends) },
      `looking at the replica ${name}`,
      () => late(`within ${LOOK_MS / 1000} s`),
      (stop) => question(blobs, stop),
    );
  } catch (error) {
    if (giveUp?.aborted === true && signal?.aborted !== true) return late(String(giveUp.reason));
    if (!isLifeboatError(error) || error.code === "interrupted") throw error;
    return error;
  }
}
