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
import { auditLineages } from "../../vault/lineage/audit-lineages.ts";
import { judge } from "../../vault/judge.ts";
import type { JudgePorts } from "../../vault/judge.ts";
import type { Unbelieved } from "../../vault/newest-first.ts";
import { requireTrustedKey } from "../../vault/require-trusted-key.ts";
import { catalogueSome } from "../catalog.ts";
import { Confirmer } from "./confirm.ts";
import { verifyDeep, verifyFound, verifyShallow } from "./verify.ts";
import type { AuditedVerification, DeepVerification, VerifyPorts, VerifyResult } from "./verify.ts";

/** What became of a snapshot that had no countersignature: it has one now, or its data was not read, since a neighbour's was, or what was wrong. */
export type MissingOutcome = { readonly id: string } & (
  | { readonly verified: DeepVerification }
  | { readonly looked: VerifyResult }
  | { readonly error: LifeboatError }
);

export interface MissingPorts extends VerifyPorts {
  /** How far apart, by their slots, those are that are read back, in milliseconds: 0 for all. */
  readonly deepEvery: (cluster: string) => number;
}

export interface MissingRequest {
  /** Only snapshots whose slot is no older. */
  readonly withinMs?: number | undefined;
  /** Nothing is done about those that need not be read back. */
  readonly onlyDue?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Verifies every snapshot of a cluster deep that no believed countersignature speaks for, newest first; where they need not all be read back, only those that are so far from any good one, and of the others all but their data. One that fails keeps none from being tried; what is not a snapshot's own fault but a
 * fault of lifeboat, or an interruption, is thrown. Whoever takes no further outcome ends it between two of them.
 */
export async function* verifyMissing(
  ports: MissingPorts,
  cluster: string,
  { withinMs, onlyDue = false, signal }: MissingRequest = {},
): AsyncGenerator<MissingOutcome, void, undefined> {
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  // One for all: what members no longer have is not asked for again.
  const confirmer = new Confirmer(ports, cluster);
  let isAnyNew = false;
  try {
    const { missing, goodAt } = await findMissing({ ...ports, blobs: readUntil(ports.blobs, signal) }, cluster, withinMs);
    const everyMs = ports.deepEvery(cluster);
    for (const each of missing) {
      throwIfAborted(`the verification of what is missing of ${cluster}`, signal);
      if ("error" in each) {
        yield each;
        continue;
      }
      const { id } = each.manifest;
      const isDue = !goodAt.some((other) => isNear(other, timeOf(id), everyMs));
      if (!isDue && onlyDue) continue;
      const outcome = await tryOne(id, async () =>
        isDue
          ? { id, verified: await verifyFound(ports, each, confirmer, signal) }
          : { id, looked: await verifyShallow(ports, `${cluster}/${id}`, signal) },
      );
      if ("verified" in outcome && outcome.verified.lacks.length === 0) goodAt.push(timeOf(id));
      isAnyNew ||= "verified" in outcome;
      yield outcome;
    }
  } finally {
    await confirmer.close();
    if (isAnyNew && signal?.aborted !== true) await catalogueSome(ports, cluster, signal);
  }
}

function isNear(one: number, other: number, everyMs: number): boolean {
  return Math.abs(one - other) < everyMs;
}

/** Verifies a snapshot deep; or all but its data, where it need not be read back since it is good, or one so near is. */
export async function verifyWhereDue(
  ports: MissingPorts,
  cluster: string,
  id: string,
  signal?: AbortSignal,
): Promise<AuditedVerification | (VerifyResult & Pick<AuditedVerification, "lineageFindings">)> {
  const ref = `${cluster}/${id}`;
  if (!(await hasGoodNear({ ...ports, blobs: readUntil(ports.blobs, signal) }, cluster, id))) return verifyDeep(ports, ref, signal);
  return { ...(await verifyShallow(ports, ref, signal)), lineageFindings: await auditLineages(ports, cluster, signal) };
}

async function hasGoodNear(ports: MissingPorts, cluster: string, id: string): Promise<boolean> {
  const everyMs = ports.deepEvery(cluster);
  if (everyMs === 0) return false;
  const [ids, countersigned] = await Promise.all([listIds(ports.blobs, cluster), listCountersignatureKeys(ports.blobs, cluster)]);
  const near = ids.filter((other) => countersigned.has(other) && isNear(timeOf(other), timeOf(id), everyMs)).toReversed();
  for (const other of near) if ((await readMissing(ports, cluster, other, countersigned)) === "good") return true;
  return false;
}

async function tryOne(id: string, action: () => Promise<MissingOutcome>): Promise<MissingOutcome> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof LifeboatError) || isLifeboatError(error, "interrupted")) throw error;
    return { id, error };
  }
}

/** Of its slot. */
function timeOf(id: string): number {
  return parseId(id)?.slot.getTime() ?? 0;
}

interface Missing {
  readonly missing: readonly (FoundManifest | Unbelieved)[];
  /** The times of those that are good: one that was read back and is not must not stand for its neighbours. */
  readonly goodAt: number[];
}

/** The snapshots without a countersignature of exactly their manifest, newest first by id; those of the future are left out, `lifeboat ls` tells of them. */
async function findMissing(ports: JudgePorts, cluster: string, withinMs = Number.POSITIVE_INFINITY): Promise<Missing> {
  const now = ports.clock.now();
  const [ids, countersigned] = await Promise.all([listIds(ports.blobs, cluster), listCountersignatureKeys(ports.blobs, cluster)]);
  const wanted = ids.filter((id) => !isAhead(id, now) && now.getTime() - timeOf(id) <= withinMs).toReversed();
  const missing: (FoundManifest | Unbelieved)[] = [];
  const goodAt: number[] = [];
  const read = mapConcurrently(wanted, PARALLEL_READS, async (id) => ({ id, found: await readMissing(ports, cluster, id, countersigned) }));
  for await (const { id, found } of read) {
    if (found === "good") goodAt.push(timeOf(id));
    else if (found !== undefined) missing.push(found);
  }
  return { missing, goodAt };
}

/** The snapshot, or that it is good; undefined for one that is countersigned and not good, and for one that only a later version can verify: ls shows that nobody did. */
async function readMissing(
  ports: JudgePorts,
  cluster: string,
  id: string,
  listed: KeysById,
): Promise<FoundManifest | Unbelieved | "good" | undefined> {
  const found = await tryManifest(ports, cluster, id);
  if (found instanceof LifeboatError) return { id, error: found };
  if (whyLater(found.manifest) !== undefined) return undefined;
  const countersignatures = await readListedCountersignatures(ports, cluster, id, listed);
  if (countersignatures.every(({ manifestDigest }) => manifestDigest !== found.digest)) return found;
  return judge(ports, found, countersignatures).length === 0 ? "good" : undefined;
}
