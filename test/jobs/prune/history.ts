import type { MemoryOptions } from "../../doubles/memory-blob-store.ts";
import { executeOrder } from "../../../shared/jobs/prune/execute.ts";
import type { Execution, ExecuteOptions } from "../../../shared/jobs/prune/execute.ts";
import { orderRemovals } from "../../../shared/jobs/prune/order.ts";
import type { OrderOutcome } from "../../../shared/jobs/prune/order.ts";
import { planRemovals } from "../../../shared/jobs/prune/plan.ts";
import type { PrunePolicy, RemovalPlan } from "../../../shared/jobs/prune/plan.ts";
import type { BrakeName } from "../../../shared/jobs/prune/brakes.ts";
import { custodyKey } from "../../../shared/documents/layout.ts";
import { verifyCustody } from "../../../shared/jobs/audit/custody.ts";
import { pinSnapshot } from "../../../shared/jobs/pin.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { keys as keysIn, once } from "../../support/blobs.ts";
import { backUp, bytesAt, CLUSTER, custodyOf, newVault } from "../../support/vaults.ts";
import type { TestKeys, TestVault } from "../../support/vaults.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Keeps the three newest, and what is less than half an hour older than the newest good one. */
export const KEEP_THREE: PrunePolicy = keeping(3);

/** The same with another count. */
export function keeping(latest: number): PrunePolicy {
  return {
    retention: {
      latest,
      hourly: 0,
      daily: 0,
      weekly: 0,
      monthly: 0,
      annual: 0,
      minAge: HOUR_MS / 2,
      keepUnverified: 7 * DAY_MS,
      timeZone: "UTC",
    },
    requireReplica: [],
    rpoMs: 2 * HOUR_MS,
    orphansAfterMs: DAY_MS,
  };
}

/** So many hourly backups, each verified unless told; ids, oldest first. The clock stands a second after the last one. */
export async function hourly(
  vault: TestVault,
  count: number,
  isVerified: (index: number) => boolean = () => true,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    if (index > 0) vault.clock.advance(HOUR_MS);
    const { manifest } = await backUp(vault);
    ids.push(manifest.id);
    vault.clock.advance(1000);
    if (isVerified(index)) await verifyDeep(vault, `${CLUSTER}/${manifest.id}`);
  }
  return ids;
}

export function plan(vault: TestVault, policy: PrunePolicy = KEEP_THREE): Promise<RemovalPlan> {
  return planRemovals({ ...vault, replicas: [] }, CLUSTER, policy);
}

export async function order(
  vault: TestVault,
  { policy = KEEP_THREE, although = ["many"] as readonly BrakeName[] } = {},
): Promise<OrderOutcome> {
  return orderRemovals(vault, CLUSTER, await plan(vault, policy), { although });
}

export function execute(
  vault: TestVault,
  { policy = KEEP_THREE, ...options }: Partial<ExecuteOptions> & { policy?: PrunePolicy } = {},
): Promise<Execution> {
  return executeOrder({ ...vault, replicas: [] }, CLUSTER, policy, { although: [], ...options });
}

/** The ids that a plan removes, oldest first. */
export function goingIn({ decisions }: RemovalPlan): readonly string[] {
  return decisions.flatMap(({ id, verdict }) => (verdict === "remove" ? [id] : [])).toReversed();
}

/** The ids of the snapshots that are there. */
export async function idsIn(vault: TestVault): Promise<readonly string[]> {
  return (await keysIn(vault.blobs, `clusters/${CLUSTER}/snapshots/`)).map((key) => key.replace(/^.*\/(.*)\.json$/, "$1"));
}

/** What `custody --verify` finds: code and subject. */
export async function findingsIn(vault: TestVault): Promise<readonly string[]> {
  const { findings } = await verifyCustody(vault, CLUSTER, { onRecord: () => undefined });
  return findings.map(({ code, subject }) => `${code} ${subject}`);
}

export async function pin(vault: TestVault, id: string, pinned = true): Promise<void> {
  await pinSnapshot(vault, { ref: `${CLUSTER}/${id}`, pinned, reason: "before the upgrade" });
}

/** Why a plan keeps a snapshot, or lets it go: the codes. */
export function reasonsFor({ decisions }: RemovalPlan, id: string): readonly string[] {
  return decisions.find((each) => each.id === id)?.reasons.map(({ code }) => code) ?? [];
}

/** The record of a log that comes next. */
export function nextRecord(vault: TestVault): string {
  return custodyKey(CLUSTER, custodyOf(vault).length + 1);
}

/** So many versions more of a document beside a snapshot, under the one that stands there. */
export async function addVersions(vault: TestVault, key: string, count: number): Promise<void> {
  const bytes = bytesAt(vault, key).toString();
  for (let index = 0; index < count; index++) await vault.blobs.put(key, once(index === count - 1 ? bytes : `version ${index}`));
}

export interface History {
  readonly vault: TestVault;
  /** Oldest first. */
  readonly ids: readonly string[];
}

/** Gives a vault with so many hourly snapshots, each time a new one with the same in it: they are made once for a kind of store. */
export function historyOf(
  count: number,
  isVerified?: (index: number) => boolean,
): (keys: TestKeys, options?: MemoryOptions) => Promise<History> {
  const made = new Map<string, Promise<History>>();
  return async (keys, options = {}) => {
    const kind = `${keys.folder} ${options.versions ?? false}`;
    const first = made.get(kind) ?? make(keys, count, isVerified, options);
    made.set(kind, first);
    const { vault: from, ids } = await first;
    const vault = newVault(keys, undefined, options);
    for (const [key, kept] of from.blobs.objects) vault.blobs.objects.set(key, kept);
    vault.clock.advance(from.clock.monotonicMs());
    return { vault, ids };
  };
}

async function make(
  keys: TestKeys,
  count: number,
  isVerified: ((index: number) => boolean) | undefined,
  options: MemoryOptions,
): Promise<History> {
  const vault = newVault(keys, undefined, options);
  return { vault, ids: await hourly(vault, count, isVerified) };
}
