import { executeOrder } from "../../../shared/jobs/prune/execute.ts";
import type { Execution, ExecuteOptions } from "../../../shared/jobs/prune/execute.ts";
import { orderRemovals } from "../../../shared/jobs/prune/order.ts";
import type { OrderOutcome } from "../../../shared/jobs/prune/order.ts";
import { planRemovals } from "../../../shared/jobs/prune/plan.ts";
import type { PrunePolicy, RemovalPlan } from "../../../shared/jobs/prune/plan.ts";
import type { BrakeName } from "../../../shared/jobs/prune/brakes.ts";
import { verifyDeep } from "../../../shared/jobs/verify/verify.ts";
import { keys as keysIn } from "../../support/blobs.ts";
import { backUp, CLUSTER } from "../../support/vaults.ts";
import type { TestVault } from "../../support/vaults.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Keeps the three newest, and whatever is younger than a day. */
export const KEEP_THREE: PrunePolicy = {
  retention: {
    latest: 3,
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
