import { suggestion } from "../config/settings.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { isClusterName } from "../manifest/layout.ts";
import { compareIds, idOfSlot, parseId, parseUtc } from "../manifest/slot.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { readUntil } from "../store/read-until.ts";
import { listClusters, listIds, readManifest } from "./catalog.ts";
import type { FoundManifest, Vault } from "./catalog.ts";

/** What a person types to name a snapshot. */
export type Ref =
  | { readonly cluster: string; readonly id: string }
  | { readonly cluster: string; readonly latest: true }
  | { readonly cluster: string; readonly at: Date };

const FORMS =
  "a ref is CLUSTER/ID, CLUSTER/latest or CLUSTER@TIME (UTC), such as prod/20261121T100000Z, prod/latest or prod@2026-11-21T10:00:00Z";

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
 * The manifest that a ref names. `latest` and a time pass over quarantined snapshots, but never silently over one whose manifest does not hold:
 * that is a `verify/...` error whose hint names the next older good one. `ref/not-found` where nothing matches.
 */
export async function resolveRef({ blobs, trusted }: Vault, text: string, signal?: AbortSignal): Promise<FoundManifest> {
  const ref = parseRef(text);
  const vault = { blobs: readUntil(blobs, signal), trusted };
  const ids = await listIds(vault.blobs, ref.cluster);
  if ("id" in ref) {
    if (!ids.includes(ref.id))
      throw await notFound(vault.blobs, ref.cluster, `there is no snapshot ${text} in ${vault.blobs.location}`, ids);
    return readManifest(vault, ref.cluster, ref.id);
  }
  const limit = "at" in ref ? `${idOfSlot(ref.at)}-9999` : undefined;
  const candidates = limit === undefined ? ids : ids.filter((id) => compareIds(id, limit) <= 0);
  const found = await newest(vault, ref.cluster, candidates);
  if (found !== undefined) return found;
  throw await notFound(
    vault.blobs,
    ref.cluster,
    `there is no snapshot of ${ref.cluster} ${"at" in ref ? `at or before ${ref.at.toISOString()} ` : ""}in ${vault.blobs.location}`,
    ids,
  );
}

async function newest(vault: Vault, cluster: string, ids: readonly string[]): Promise<FoundManifest | undefined> {
  for (const id of ids.toReversed()) {
    try {
      const found = await readManifest(vault, cluster, id);
      if (found.manifest.quarantine === undefined) return found;
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
      const older = await newestGood(vault, cluster, ids.slice(0, ids.indexOf(id)));
      throw new LifeboatError(error.code, error.message, {
        hint:
          older === undefined
            ? "there is no older good snapshot here; look for a replica"
            : `the next older good one is ${cluster}/${older}`,
        cause: error,
      });
    }
  }
  return undefined;
}

async function newestGood(vault: Vault, cluster: string, ids: readonly string[]): Promise<string | undefined> {
  for (const id of ids.toReversed()) {
    try {
      if ((await readManifest(vault, cluster, id)).manifest.quarantine === undefined) return id;
    } catch (error) {
      if (!isLifeboatError(error, "verify/")) throw error;
    }
  }
  return undefined;
}

async function notFound(blobs: BlobStore, cluster: string, message: string, ids: readonly string[]): Promise<LifeboatError> {
  const [oldest, last] = [ids[0], ids.at(-1)];
  const hint =
    oldest === undefined
      ? await othersHint(blobs, cluster)
      : `there are ${ids.length}, from ${cluster}/${oldest} to ${cluster}/${last}; lifeboat ls ${cluster} shows them`;
  return new LifeboatError("ref/not-found", message, { hint });
}

/** Of a cluster without snapshots: its name may have been mistyped. */
async function othersHint(blobs: BlobStore, cluster: string): Promise<string> {
  const others = (await listClusters(blobs)).filter((name) => name !== cluster);
  const near = suggestion(cluster, others);
  return near === undefined ? "lifeboat ls shows what is stored" : `did you mean ${near}? lifeboat ls shows what is stored`;
}
