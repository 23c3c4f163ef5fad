import { suggestion } from "../config/settings.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { isClusterName } from "../documents/layout.ts";
import { parseId, parseUtc } from "../documents/slot.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { readUntil } from "../store/read-until.ts";
import { listClusters, listIds, readManifest } from "./catalog.ts";
import type { FoundManifest } from "./catalog.ts";
import type { Vault } from "./vault.ts";
import { newestGood } from "./good.ts";
import type { JudgePorts } from "./judge.ts";
import { newestFirst } from "./newest-first.ts";
import type { Unbelieved } from "./newest-first.ts";

/** What a person types to name a snapshot. */
export type Ref =
  | { readonly cluster: string; readonly id: string }
  | { readonly cluster: string; readonly latest: true }
  | { readonly cluster: string; readonly good: true }
  | { readonly cluster: string; readonly at: Date };

const FORMS =
  "a ref is CLUSTER/ID, CLUSTER/latest, CLUSTER/good or CLUSTER@TIME (UTC), such as prod/20261121T100000Z, prod/good or prod@2026-11-21T10:00:00Z";

/** Throws `usage` for what is no ref. */
export function parseRef(text: string): Ref {
  const match = /^([^/@]+)([/@])(.+)$/.exec(text);
  const [, cluster, separator, rest] = match ?? [];
  if (cluster === undefined || rest === undefined || !isClusterName(cluster))
    throw new LifeboatError("usage", `"${text}" is not a ref`, { hint: FORMS });
  if (separator === "@") {
    const at = parseUtc(rest);
    if (at === undefined) throw new LifeboatError("usage", `"${rest}" in "${text}" is not a UTC time`, { hint: FORMS });
    return { cluster, at };
  }
  if (rest === "latest") return { cluster, latest: true };
  if (rest === "good") return { cluster, good: true };
  if (parseId(rest) === undefined) throw new LifeboatError("usage", `"${rest}" in "${text}" is not a snapshot id`, { hint: FORMS });
  return { cluster, id: rest };
}

/** Whether `text` has the form of a ref. */
export function isRef(text: string): boolean {
  try {
    parseRef(text);
    return true;
  } catch (error) {
    if (!isLifeboatError(error, "usage")) throw error;
    return false;
  }
}

/**
 * The manifest that a ref names, of any snapshot. `latest` and a time pass over quarantined snapshots, but never silently over one whose manifest does not hold:
 * that is a `verify/...` error whose hint names the next older one. `ref/not-found` where nothing matches.
 */
export async function resolveRef(ports: JudgePorts, text: string, signal?: AbortSignal): Promise<FoundManifest> {
  const ref = parseRef(text);
  const { cluster } = ref;
  const vault = { ...ports, blobs: readUntil(ports.blobs, signal) };
  if ("good" in ref) return (await newestGood(vault, cluster)).good ?? (await noneGood(vault, cluster));
  const ids = await listIds(vault.blobs, cluster);
  const { location } = vault.blobs;
  if ("id" in ref) {
    if (!ids.includes(ref.id)) throw await notFound(vault.blobs, cluster, `snapshot ${text} not found in ${location}`, ids);
    return readManifest(vault, cluster, ref.id);
  }
  const found = await newestOf(newestFirst(vault, cluster, ids, "at" in ref ? ref.at : undefined), cluster);
  if (found !== undefined) return found;
  throw await notFound(
    vault.blobs,
    cluster,
    `there is no snapshot of ${cluster} ${"at" in ref ? `${takenBy(ref.at)} ` : ""}in ${location}`,
    ids,
  );
}

/** The newest one that is not in quarantine. */
async function newestOf(snapshots: AsyncIterable<FoundManifest | Unbelieved>, cluster: string): Promise<FoundManifest | undefined> {
  let unbelieved: LifeboatError | undefined;
  for await (const each of snapshots) {
    if ("error" in each) {
      unbelieved ??= each.error;
    } else if (each.manifest.quarantine === undefined) {
      if (unbelieved === undefined) return each;
      throw withHint(unbelieved, `the next older one is ${cluster}/${each.manifest.id}`);
    }
  }
  if (unbelieved !== undefined) throw withHint(unbelieved, "there is no older one here; look for a replica");
  return undefined;
}

function withHint({ code, message, cause }: LifeboatError, hint: string): LifeboatError {
  return new LifeboatError(code, message, { hint, cause });
}

/** Of snapshots whose data was taken then. */
export function takenBy(time: Date): string {
  return `taken at or before ${time.toISOString()}`;
}

/** Throws `ref/not-found`: what there is instead of a good one. */
export async function noneGood({ blobs }: Vault, cluster: string, until?: Date): Promise<never> {
  const ids = await listIds(blobs, cluster);
  throw await notFound(
    blobs,
    cluster,
    `there is no good snapshot of ${cluster} ${until === undefined ? "" : `${takenBy(until)} `}in ${blobs.location}`,
    ids,
    `; lifeboat verify ${cluster} --missing reads back and countersigns those that were not yet`,
  );
}

async function notFound(blobs: BlobStore, cluster: string, message: string, ids: readonly string[], more = ""): Promise<LifeboatError> {
  const [oldest, last] = [ids[0], ids.at(-1)];
  const hint =
    oldest === undefined
      ? await othersHint(blobs, cluster)
      : `there are ${ids.length}, from ${cluster}/${oldest} to ${cluster}/${last}; lifeboat ls ${cluster} shows them${more}`;
  return new LifeboatError("ref/not-found", message, { hint });
}

/** Of a cluster without snapshots: its name may have been mistyped. */
async function othersHint(blobs: BlobStore, cluster: string): Promise<string> {
  const others = (await listClusters(blobs)).filter((name) => name !== cluster);
  const near = suggestion(cluster, others);
  return near === undefined ? "lifeboat ls shows what is stored" : `did you mean ${near}? lifeboat ls shows what is stored`;
}
