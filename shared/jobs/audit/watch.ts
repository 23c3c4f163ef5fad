import { z } from "zod";
import { WATCH_KEY } from "../../documents/layout.ts";
import { isLifeboatError } from "../../errors.ts";
import { mapConcurrently } from "../../map-concurrently.ts";
import { readSmall } from "../../store/blob-store.ts";
import type { BlobStore } from "../../store/blob-store.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import { checkRpo } from "./check.ts";

/** Which clusters of a fleet have no good snapshot within their rpo, and who has been told of it. */

/** What is known of a cluster at a time. */
export interface Watched {
  readonly cluster: string;
  readonly isMissed: boolean;
  /** When the data of its newest good snapshot was there; undefined where there is none, or nobody could see it. */
  readonly takenAt: string | undefined;
  /** A sentence each. */
  readonly problems: readonly string[];
}

const memorySchema = z.object({
  /** When each cluster was first seen: one that has nothing stored yet is missed only after its rpo. */
  firstSeen: z.record(z.string(), z.string()),
  /** Clusters that somebody was told are missed, and when. */
  told: z.record(z.string(), z.string()),
});

/** What the watch remembers between two looks. */
export type WatchMemory = z.infer<typeof memorySchema>;

/** Each reads up to 64 documents at a time itself, and mostly three. */
const CLUSTERS_AT_ONCE = 16;
/** What is still missed is told again each day. */
const AGAIN_MS = 86_400_000;
const MOST_MEMORY_BYTES = 16 * 2 ** 20;

/** Looks at each of `clusters`. Reads metadata only. One that cannot be read is missed: nobody could say that it is not. */
export async function watchFleet(ports: JudgePorts, clusters: readonly string[], { firstSeen }: WatchMemory): Promise<readonly Watched[]> {
  const now = ports.clock.now().getTime();
  const watched: Watched[] = [];
  const looked = mapConcurrently(clusters, CLUSTERS_AT_ONCE, async (cluster): Promise<Watched> => {
    const rpoMs = ports.policyOf(cluster)?.rpoMs;
    if (rpoMs === undefined)
      return {
        cluster,
        isMissed: true,
        takenAt: undefined,
        problems: ["its settings in the list are not understood, so nothing backs it up"],
      };
    try {
      const { good, problems } = await checkRpo(ports, cluster, rpoMs);
      const isNew = good === undefined && now - Date.parse(firstSeen[cluster] ?? new Date(now).toISOString()) <= rpoMs;
      return { cluster, isMissed: !isNew && (good === undefined || good.ageMs > rpoMs), takenAt: good?.takenAt, problems };
    } catch (error) {
      if (!isLifeboatError(error, "store/", "verify/")) throw error;
      return { cluster, isMissed: true, takenAt: undefined, problems: [error.message] };
    }
  });
  for await (const each of looked) watched.push(each);
  return watched;
}

/** Of whom somebody is to be told now: of each that is missed once, and again after a day; and once that it is no longer. */
export function toTell(
  watched: readonly Watched[],
  { told }: WatchMemory,
  now: Date,
): readonly (Watched & { readonly state: "missed" | "recovered" })[] {
  return watched.flatMap((each): readonly (Watched & { readonly state: "missed" | "recovered" })[] => {
    const before = told[each.cluster];
    if (each.isMissed) return before === undefined || now.getTime() - Date.parse(before) >= AGAIN_MS ? [{ ...each, state: "missed" }] : [];
    return before === undefined ? [] : [{ ...each, state: "recovered" }];
  });
}

/** What is remembered once `said` was told of; of clusters that are listed no more nothing is. */
export function remembered(
  { firstSeen, told }: WatchMemory,
  clusters: readonly string[],
  said: readonly { readonly cluster: string; readonly state: "missed" | "recovered" }[],
  now: Date,
): WatchMemory {
  const time = now.toISOString();
  const states = new Map(said.map(({ cluster, state }) => [cluster, state]));
  const next: WatchMemory = { firstSeen: {}, told: {} };
  for (const cluster of clusters) {
    next.firstSeen[cluster] = firstSeen[cluster] ?? time;
    const state = states.get(cluster);
    const before = told[cluster];
    if (state === "missed") next.told[cluster] = time;
    else if (state === undefined && before !== undefined) next.told[cluster] = before;
  }
  return next;
}

/** Empty where there is none yet, or something else in its place: then everybody is told once more. */
export async function readMemory(blobs: BlobStore, signal?: AbortSignal): Promise<WatchMemory> {
  const empty: WatchMemory = { firstSeen: {}, told: {} };
  try {
    const bytes = await readSmall(blobs, WATCH_KEY, MOST_MEMORY_BYTES, signal);
    return memorySchema.catch(empty).parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    if (isLifeboatError(error, "verify/missing") || error instanceof SyntaxError) return empty;
    throw error;
  }
}

export async function writeMemory(blobs: BlobStore, memory: WatchMemory, signal?: AbortSignal): Promise<void> {
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from(JSON.stringify(memory));
  }
  await blobs.put(WATCH_KEY, bytes(), { signal });
}
