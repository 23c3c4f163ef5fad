import type { CustodyPorts } from "../vault/custody/append.ts";
import { Custodian } from "../vault/custody/custodian.ts";
import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import { rewrapKey } from "../documents/layout.ts";
import { publish } from "../vault/publish.ts";
import { listCountersignatureKeys, listRewrapKeys } from "../vault/keys-by-id.ts";
import type { KeysById } from "../vault/keys-by-id.ts";
import { readRewraps } from "../vault/rewraps.ts";
import type { Rewraps } from "../vault/rewraps.ts";
import type { Verification } from "../documents/verification.ts";
import { mapConcurrently, PARALLEL_READS } from "../map-concurrently.ts";
import { FORMAT_VERSION } from "../documents/parts.ts";
import { wrappingsOf } from "../documents/stored.ts";
import type { Progress } from "../progress.ts";
import { throwIfAborted } from "../store/body-reader.ts";
import { readUntil } from "../store/read-until.ts";
import type { WrappedKeys, WrappedSharedKey } from "../store/wrapped-keys.ts";
import { TOOL } from "../version.ts";
import { listClusters, listIds, readListedCountersignatures, readManifest, subjectOf } from "../vault/catalog.ts";
import type { FoundManifest } from "../vault/catalog.ts";
import type { Vault } from "../vault/vault.ts";
import { requireTrustedKey } from "../vault/require-trusted-key.ts";

export interface RewrapPorts extends CustodyPorts {
  readonly wrappedKeys: WrappedKeys;
  readonly progress: Progress;
}

export interface RewrapRequest {
  /** Left out: every cluster in the store. */
  readonly cluster?: string | undefined;
  /** Says what would be done, and opens and writes nothing. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

export interface Rewrapped {
  readonly cluster: string;
  readonly id: string;
  /** The keys that it is wrapped under without this run. */
  readonly under: readonly string[];
  /**
   * `already`: under every current wrapping key; `would-rewrap`: in a dry run; `rewrapped`; `failed`: it could not be read or opened, and was passed over;
   * `not-sealed`: another store's, which wraps no keys.
   */
  readonly outcome: "already" | "would-rewrap" | "rewrapped" | "failed" | "not-sealed";
  /** Where the wrapping stands, or would. */
  readonly key?: string;
  readonly error?: LifeboatError;
}

export interface RewrapResult {
  /** See `Wrapping.key`. */
  readonly wrappingKey: string;
  /** Those of replicas that have their own. */
  readonly replicaKeys: readonly string[];
  /** Oldest first in each cluster. */
  readonly snapshots: readonly Rewrapped[];
  /** The key that opens all snapshots of the store; undefined where each has its own. */
  readonly shared: (WrappedSharedKey & { readonly outcome: "already" | "would-rewrap" | "rewrapped" }) | undefined;
  /** Rewraps in the store that are not believed. */
  readonly bad: readonly { readonly key: string; readonly error: LifeboatError }[];
}

/**
 * Wraps the key of every snapshot that is not known to be wrapped under the current wrapping key, or of a replica, once more under it, in a signed document beside the manifest, which stays as it is. The data is neither read nor written. A
 * run that ended early is taken up where it stood: what is wrapped already is passed over. A snapshot that cannot be opened is told and passed over; a store or
 * a key service that fails ends the run with its error.
 */
export async function rewrap(ports: RewrapPorts, { cluster, dryRun, signal }: RewrapRequest): Promise<RewrapResult> {
  const wrappingKeys = await ports.wrappedKeys.wrappingKeys();
  if (!dryRun) await requireTrustedKey(ports.keys, ports.trusted, "audit");
  // What is begun of a snapshot is ended; only looking for the next one stops at once.
  const vault = { blobs: readUntil(ports.blobs, signal), trusted: ports.trusted };
  const shared = await rewrapShared(ports.wrappedKeys, dryRun, signal);
  const snapshots: Rewrapped[] = [];
  const bad: { key: string; error: LifeboatError }[] = [];
  for (const name of cluster === undefined ? await listClusters(vault.blobs) : [cluster]) {
    const listed = { rewraps: await listRewrapKeys(vault.blobs, name), verified: await listCountersignatureKeys(vault.blobs, name) };
    // Looked at side by side; what is written is written one after the other.
    const looks = mapConcurrently(await listIds(vault.blobs, name), PARALLEL_READS, (id) => lookAt(vault, name, id, listed));
    for await (const look of looks) {
      throwIfAborted("the rewrap", signal);
      if ("outcome" in look) {
        snapshots.push(look);
        continue;
      }
      const { found, rewraps, under, proven } = look;
      const { id } = found.manifest;
      bad.push(...rewraps.bad);
      const common = { cluster: name, id, under };
      const unproven = wrappingKeys.filter((each) => !proven.includes(each));
      // A dry run opens nothing: of the store's own key it takes the manifest's word.
      const isMissing = (each: string): boolean => each !== wrappingKeys[0] || !under.includes(each);
      if (unproven.length === 0 || (dryRun && !unproven.some(isMissing))) snapshots.push({ ...common, outcome: "already" });
      else if (dryRun) snapshots.push({ ...common, outcome: "would-rewrap", key: rewrapKey(name, id, rewraps.last + 1) });
      else snapshots.push({ ...common, ...(await addWrappings(ports, found, { first: rewraps.last + 1, proven })) });
    }
  }
  const [wrappingKey, ...replicaKeys] = wrappingKeys;
  return { wrappingKey, replicaKeys, snapshots, shared, bad };
}

async function rewrapShared({ shared }: WrappedKeys, dryRun: boolean, signal: AbortSignal | undefined): Promise<RewrapResult["shared"]> {
  if (shared === undefined) return undefined;
  const before = await shared.look();
  if (before.isCurrent) return { ...before, outcome: "already" };
  return dryRun ? { ...before, outcome: "would-rewrap" } : { ...(await shared.rewrap(signal)), outcome: "rewrapped" };
}

/** A snapshot and by which keys it opens. */
interface Look {
  readonly found: FoundManifest;
  readonly rewraps: Rewraps;
  /** The keys of every wrapping that it has. */
  readonly under: readonly string[];
  /** Those by which it is known to open. */
  readonly proven: readonly string[];
}

async function lookAt(
  vault: Vault,
  cluster: string,
  id: string,
  listed: { readonly rewraps: KeysById; readonly verified: KeysById },
): Promise<Look | Rewrapped> {
  const found = await readManifest(vault, cluster, id).catch(passOver);
  if (isLifeboatError(found)) return { cluster, id, under: [], outcome: "failed", error: found };
  const inManifest = wrappingsOf(found.manifest.stored);
  if (inManifest === undefined) return { cluster, id, under: [], outcome: "not-sealed" };
  const rewraps = await readRewraps(vault, cluster, id, listed.rewraps);
  const rewrapped = rewraps.good.flatMap((each) => each.wrappings.map(({ key }) => key));
  const verifications = await readListedCountersignatures(vault, cluster, id, listed.verified);
  return {
    found,
    rewraps,
    under: [...inManifest.map(({ key }) => key), ...rewrapped],
    proven: [...rewrapped, ...provenKeys(found, verifications)],
  };
}

/** The keys under which a verifier opened, or wrapped, exactly this one. Those that a manifest names besides are the word of whoever wrote it. */
function provenKeys({ digest }: FoundManifest, verifications: readonly Verification[]): readonly string[] {
  return verifications
    .filter(({ manifestDigest }) => manifestDigest === digest)
    .flatMap(({ opened = [], wrappings = [] }) => [...opened, ...wrappings.map(({ key }) => key)]);
}

async function addWrappings(
  ports: RewrapPorts,
  found: FoundManifest,
  { first, proven }: { readonly first: number; readonly proven: readonly string[] },
): Promise<Pick<Rewrapped, "outcome" | "key" | "error">> {
  const { manifest } = found;
  const { cluster, id } = manifest;
  const wrappings = await ports.wrappedKeys.rewrap(manifest, manifest.stored, proven).catch(passOver);
  if (isLifeboatError(wrappings)) return { outcome: "failed", error: wrappings };
  if (wrappings.length === 0) return { outcome: "already" };
  const about = [subjectOf(found)];
  const custodian = new Custodian(ports, cluster, "audit");
  try {
    const published = await publish(ports, custodian, {
      kind: "rewrap",
      place: { keyOf: (ordinal) => rewrapKey(cluster, id, ordinal), first, last: first + LATE_ONES },
      event: "rewrapped",
      about,
      draft: (custody) => ({
        type: "rewrap",
        formatVersion: FORMAT_VERSION,
        cluster,
        id,
        manifestDigest: found.digest,
        rewrappedAt: ports.clock.now().toISOString(),
        wrappings: [...wrappings],
        tool: TOOL,
        custody,
      }),
      onTaken: async () => ({ reason: "another run took the place of this rewrap", about }),
    });
    ports.progress.note("info", `${cluster}/${id} is wrapped under ${wrappings.map((each) => each.key).join(", ")} too`);
    return { outcome: "rewrapped", key: published.key };
  } catch (error) {
    if (custodian.isOpen) await custodian.fail(error, about);
    throw error;
  }
}

/** So many runs at once may take the next number first. */
const LATE_ONES = 8;

/** What concerns one snapshot alone. */
function passOver(error: unknown): LifeboatError {
  if (isLifeboatError(error, "verify/", "keys/no-match", "keys/denied", "keys/missing", "keys/disabled", "keys/deleting")) return error;
  throw error;
}
