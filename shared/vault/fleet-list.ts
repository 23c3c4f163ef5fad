import { parseListed } from "../config/listed.ts";
import type { WrittenCluster } from "../config/listed.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { MAX_FLEET_BYTES } from "../documents/fleet.ts";
import { FLEET_PREFIX, fleetKey, numberInFleetKey } from "../documents/layout.ts";
import { digestOf, openDocument } from "../documents/signed-document.ts";
import type { DocumentOf } from "../documents/signed-document.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { readSmall } from "../store/blob-store.ts";
import { misplaced } from "./read-document.ts";
import type { Vault } from "./vault.ts";

/** The list of clusters that is in force. */
export interface FleetList {
  readonly number: number;
  readonly key: string;
  readonly digest: string;
  readonly createdAt: string;
  /** Who applied it, by their own word. */
  readonly by: string;
  /** Of the key that signed it. */
  readonly fingerprint: string;
  /** By name, in order. */
  readonly names: readonly string[];
  /** As it was written; undefined for one that is not listed. */
  written(name: string): WrittenCluster | undefined;
  /** The same with defaults, read when asked for and kept. Throws `config/invalid`. */
  cluster(name: string): ClusterConfig | undefined;
}

/** All that is below `fleet/`. */
export interface FleetLists {
  /** Undefined where there never was one, or none is believed. */
  readonly inForce: FleetList | undefined;
  /** What is numbered above it and not believed, the highest first: somebody put it there. */
  readonly unbelieved: readonly LifeboatError[];
  /** The lowest number above it under which nothing ever stood. */
  readonly next: number;
}

/** So many that are not believed are passed over. */
const MOST_TRIED = 16;

/** The list in force. Throws `config/not-found` where there never was one, `verify/...` where none is believed, `store/...`. */
export async function readFleetList(vault: Vault, signal?: AbortSignal): Promise<FleetList & Pick<FleetLists, "unbelieved">> {
  const { inForce, unbelieved } = await readFleetLists(vault, signal);
  if (inForce !== undefined) return { ...inForce, unbelieved };
  throw (
    unbelieved[0] ??
    new LifeboatError("config/not-found", `there is no list of clusters in ${vault.blobs.location}`, {
      hint: "lifeboat fleet apply writes one",
    })
  );
}

/**
 * Of all that was ever put below `fleet/` and is still kept, what has the highest number and is believed is in force. Versions are looked at, and not what stands there now: a list that was hidden by a delete
 * marker, or written over, counts on, so that an older one does not come back. Throws `store/...`.
 */
export async function readFleetLists(vault: Vault, signal?: AbortSignal): Promise<FleetLists> {
  const versions = await versionsByNumber(vault, signal);
  const numbers = [...versions.keys()].toSorted((one, other) => other - one);
  const unbelieved: LifeboatError[] = [];
  for (const number of numbers) {
    for (const version of versions.get(number) ?? []) {
      const read = await openList(vault, number, version, signal);
      if (!(read instanceof LifeboatError)) return { inForce: listOf(read), unbelieved, next: freeAbove(read.document.number, numbers) };
      unbelieved.push(read);
      if (unbelieved.length === MOST_TRIED) throw unbelieved[0] ?? read;
    }
  }
  return { inForce: undefined, unbelieved, next: freeAbove(0, numbers) };
}

/** The versions of each number, the oldest first: a list is put once, and what came later under its name is none. */
async function versionsByNumber(vault: Vault, signal?: AbortSignal): Promise<ReadonlyMap<number, readonly (string | undefined)[]>> {
  const found = new Map<number, (string | undefined)[]>();
  for await (const { key, version, isDeleteMarker } of vault.blobs.listVersions(FLEET_PREFIX, { signal })) {
    const number = numberInFleetKey(key);
    if (number === undefined) continue;
    const known = found.get(number) ?? [];
    found.set(number, known);
    if (!isDeleteMarker) known.unshift(version);
  }
  return found;
}

interface OpenedList {
  readonly document: DocumentOf<"fleet">;
  readonly digest: string;
}

async function openList(
  vault: Vault,
  number: number,
  version: string | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenedList | LifeboatError> {
  const key = fleetKey(number);
  try {
    const bytes = await readSmall(vault.blobs, key, MAX_FLEET_BYTES, signal, version);
    const document = openDocument("fleet", bytes, vault.trusted, key);
    if (document.number !== number) throw misplaced(key, `number ${document.number}`);
    // No log tells when a list was put, so nothing could witness that a key signed it in time.
    const end = vault.trusted.ends?.[document.signer.fingerprint];
    if (end !== undefined)
      throw new LifeboatError("verify/untrusted", `${key} is signed by ${document.signer.fingerprint}, which has notAfter ${end}`, {
        hint: "run lifeboat fleet apply with the new key",
      });
    return { document, digest: digestOf(bytes) };
  } catch (error) {
    if (isLifeboatError(error, "verify/")) return error;
    throw error;
  }
}

function listOf({ document, digest }: OpenedList): FleetList {
  const { number, createdAt, by, clusters, signer } = document;
  const key = fleetKey(number);
  const parsed = new Map<string, ClusterConfig>();
  const written = (name: string): WrittenCluster | undefined => (Object.hasOwn(clusters, name) ? clusters[name]?.settings : undefined);
  return {
    number,
    key,
    digest,
    createdAt,
    by,
    fingerprint: signer.fingerprint,
    names: Object.keys(clusters).toSorted(),
    written,
    cluster(name) {
      const settings = written(name);
      if (settings === undefined) return undefined;
      const cluster = parsed.get(name) ?? parseListed(name, settings, key);
      parsed.set(name, cluster);
      return cluster;
    },
  };
}

function freeAbove(number: number, taken: readonly number[]): number {
  let next = number + 1;
  while (taken.includes(next)) next++;
  return next;
}
