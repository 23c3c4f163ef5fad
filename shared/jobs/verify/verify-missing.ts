import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { whyLater } from "../../documents/manifest.ts";
import { isAhead, parseId } from "../../documents/slot.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { readUntil } from "../../store/read-until.ts";
import { mapConcurrently, PARALLEL_READS } from "../../map-concurrently.ts";
import { listIds, readListedCountersignatures, tryManifest } from "../../vault/catalog.ts";
import type { FoundManifest } from "../../vault/catalog.ts";
import { listCountersignatureKeys } from "../../vault/keys-by-id.ts";
import type { KeysById } from "../../vault/keys-by-id.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import type { Unbelieved } from "../../vault/newest-first.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { catalogueSome } from "../catalog.ts";
import { Confirmer } from "./confirm.ts";
import { verifyFound } from "./verify.ts";
import type { DeepVerification, VerifyPorts } from "./verify.ts";

/** What became of a snapshot that had no countersignature: it has one now, or what was wrong. */
export type MissingOutcome = { readonly id: string } & ({ readonly verified: DeepVerification } | { readonly error: LifeboatError });

export interface MissingRequest {
  /** Only snapshots whose slot is no older. */
  readonly withinMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Verifies every snapshot of a cluster deep that no believed countersignature speaks for, newest first. One that fails keeps none from being tried; what is not a snapshot's own fault but a
 * fault of lifeboat, or an interruption, is thrown. Whoever takes no further outcome ends it between two of them.
 */
export async function* verifyMissing(
  ports: VerifyPorts,
  cluster: string,
  { withinMs, signal }: MissingRequest = {},
): AsyncGenerator<MissingOutcome, void, undefined> {
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  // One for all: what members no longer have is not asked for again.
  const confirmer = new Confirmer(ports, cluster);
  let isAnyNew = false;
  try {
    for (const each of await findMissing({ ...ports, blobs: readUntil(ports.blobs, signal) }, cluster, withinMs)) {
      throwIfAborted(`the verification of what is missing of ${cluster}`, signal);
      const outcome = "error" in each ? each : await tryOne(ports, each, confirmer, signal);
      isAnyNew ||= "verified" in outcome;
      yield outcome;
    }
  } finally {
    await confirmer.close();
    if (isAnyNew && signal?.aborted !== true) await catalogueSome(ports, cluster, signal);
  }
}

async function tryOne(
  ports: VerifyPorts,
  found: FoundManifest,
  confirmer: Confirmer,
  signal: AbortSignal | undefined,
): Promise<MissingOutcome> {
  const { id } = found.manifest;
  try {
    return { id, verified: await verifyFound(ports, found, confirmer, signal) };
  } catch (error) {
    if (!(error instanceof LifeboatError) || isLifeboatError(error, "interrupted")) throw error;
    return { id, error };
  }
}

/** The snapshots without a countersignature of exactly their manifest, newest first by id; those of the future are left out, `lifeboat ls` tells of them. */
async function findMissing(
  ports: JudgePorts,
  cluster: string,
  withinMs = Number.POSITIVE_INFINITY,
): Promise<readonly (FoundManifest | Unbelieved)[]> {
  const now = ports.clock.now();
  const [ids, countersigned] = await Promise.all([listIds(ports.blobs, cluster), listCountersignatureKeys(ports.blobs, cluster)]);
  const wanted = ids.filter((id) => !isAhead(id, now) && now.getTime() - (parseId(id)?.slot.getTime() ?? 0) <= withinMs).toReversed();
  const missing: (FoundManifest | Unbelieved)[] = [];
  const read = mapConcurrently(wanted, PARALLEL_READS, (id) => readMissing(ports, cluster, id, countersigned));
  for await (const each of read) missing.push(...each);
  return missing;
}

/** The snapshot, or nothing where it is countersigned. */
async function readMissing(
  ports: JudgePorts,
  cluster: string,
  id: string,
  listed: KeysById,
): Promise<readonly (FoundManifest | Unbelieved)[]> {
  const found = await tryManifest(ports, cluster, id);
  if (found instanceof LifeboatError) return [{ id, error: found }];
  // Only a later version can verify it; ls shows that nobody did.
  if (whyLater(found.manifest) !== undefined) return [];
  return (await readListedCountersignatures(ports, cluster, id, listed)).some(({ manifestDigest }) => manifestDigest === found.digest)
    ? []
    : [found];
}
