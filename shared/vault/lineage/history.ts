import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import type { FullestSnapshot, History, LastSnapshot } from "../../etcd/lineage.ts";
import { liveKeysOf, revisionOf } from "../../documents/content.ts";
import { nextNumber } from "../../documents/lineages.ts";
import type { KnownLineage } from "../../documents/lineages.ts";
import { parseId } from "../../documents/slot.ts";
import { listIds, readIfHolds } from "../catalog.ts";
import type { FoundManifest } from "../catalog.ts";
import type { Vault } from "../vault.ts";
import { readLineages } from "./lineages.ts";
import type { Lineages } from "./lineages.ts";

/** A history, the lineages that it is of, and the digest of the manifest that it was read from. */
export interface KnownHistory extends History {
  readonly lineages: Lineages;
  readonly last: KnownSnapshot | undefined;
}

interface KnownSnapshot extends LastSnapshot {
  readonly manifestDigest: string;
}

/** What a lineage's snapshots tell of it. */
interface Past {
  readonly last: KnownSnapshot | undefined;
  readonly most: FullestSnapshot | undefined;
}

const WEEK_MS = 7 * 86_400_000;
/**
 * So many manifests of the last 7 days are read: all of them where backups are hourly (168). Of more, as many are taken evenly spread: a loss of keys
 * that is slow enough to pass between two backups lasts longer than the 51 minutes between two of these.
 */
const MOST_OF_WEEK = 200;
/** So many of the newest manifests are looked through for one that can speak for the lineage. */
const MOST_LOOKED_AT = 400;

/** What a lineage is decided by at `now`. Changes nothing. */
export async function readHistory(vault: Vault, cluster: string, now: Date, signal?: AbortSignal): Promise<KnownHistory> {
  const lineages = await readLineages(vault, cluster, signal);
  const current = lineages.links.at(-1)?.lineage;
  const next = nextNumber(current?.number ?? 0, lineages.taken);
  const reader = new Manifests(vault, cluster, await listIds(vault.blobs, cluster, signal), now);
  return { lineages, current, next, ...(await pastOf(reader, lineages.links)) };
}

/**
 * What stands for the last of `links`: its own snapshots. One without any that nobody accepted speaks for no more than its reason, and the
 * rest is held against the lineage before, so that a lineage that somebody planted does not have the next backup compared with nothing.
 */
async function pastOf(reader: Manifests, links: readonly KnownLineage[]): Promise<Past> {
  const current = links.at(-1);
  if (current === undefined) return { last: undefined, most: undefined };
  const { lineage, acceptance } = current;
  const own = await reader.pastOf(lineage.number);
  const before = links.at(-2);
  if (own.last !== undefined || acceptance !== undefined || before?.lineage.clusterId !== lineage.clusterId) return own;
  const { last, most } = await pastOf(reader, links.slice(0, -1));
  if (last === undefined) return own;
  return lineage.reason === "key-count-collapsed"
    ? { last: { ...last, liveKeys: lineage.liveKeys }, most: undefined }
    : { last: { ...last, revision: lineage.revision }, most };
}

/** The manifests of a cluster, each read once. One that does not hold cannot speak for a lineage and is passed over: `lifeboat ls` shows it. */
class Manifests {
  readonly #vault: Vault;
  readonly #cluster: string;
  readonly #ids: readonly string[];
  readonly #now: Date;
  readonly #read = new Map<string, Promise<FoundManifest | undefined>>();

  constructor(vault: Vault, cluster: string, ids: readonly string[], now: Date) {
    this.#vault = vault;
    this.#cluster = cluster;
    this.#ids = ids;
    this.#now = now;
  }

  async pastOf(lineage: number): Promise<Past> {
    const newest = await this.#newestOf(lineage);
    if (newest === undefined) return { last: undefined, most: undefined };
    const { manifest, digest } = newest;
    const last = { id: manifest.id, revision: revisionOf(manifest), liveKeys: liveKeysOf(manifest), manifestDigest: digest };
    let most: FullestSnapshot | undefined;
    for await (const each of this.#each(this.#week())) {
      const liveKeys = isOf(lineage, each) ? liveKeysOf(each.manifest) : undefined;
      if (liveKeys !== undefined && liveKeys > (most?.liveKeys ?? -1)) most = { id: each.manifest.id, liveKeys };
    }
    return { last, most };
  }

  async #newestOf(lineage: number): Promise<FoundManifest | undefined> {
    const [newest, ...older] = this.#ids.slice(-MOST_LOOKED_AT).toReversed();
    if (newest === undefined) return undefined;
    // Most often it is the one, and nothing is read ahead.
    const first = await this.#manifest(newest);
    if (first !== undefined && isOf(lineage, first)) return first;
    for await (const each of this.#each(older)) if (isOf(lineage, each)) return each;
    return undefined;
  }

  /** Ids of the last 7 days, evenly spread. */
  #week(): readonly string[] {
    const now = this.#now.getTime();
    const ids = this.#ids.filter((id) => {
      const age = now - (parseId(id)?.slot.getTime() ?? 0);
      return age >= 0 && age <= WEEK_MS;
    });
    const count = Math.min(ids.length, MOST_OF_WEEK);
    return Array.from({ length: count }, (_, index) => ids[Math.floor(((index + 1) * ids.length) / count) - 1] ?? "");
  }

  async *#each(ids: readonly string[]): AsyncGenerator<FoundManifest, void, undefined> {
    for await (const each of mapConcurrently(ids, PARALLEL_READS, (id) => this.#manifest(id))) if (each !== undefined) yield each;
  }

  #manifest(id: string): Promise<FoundManifest | undefined> {
    const there = this.#read.get(id);
    if (there !== undefined) return there;
    const read = readIfHolds(this.#vault, this.#cluster, id);
    this.#read.set(id, read);
    return read;
  }
}

function isOf(lineage: number, { manifest }: FoundManifest): boolean {
  return manifest.lineage === lineage && manifest.quarantine === undefined;
}
