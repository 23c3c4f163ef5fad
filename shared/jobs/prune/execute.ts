import type { Progress } from "../../progress.ts";
import type { BlobVersion } from "../../store/blob-store.ts";
import { readNewestOrder, subjectsOfOrder } from "../../vault/custody/orders.ts";
import type { NewestOrder, Order, OrderRefusal } from "../../vault/custody/orders.ts";
import type { Brake, BrakeName } from "./brakes.ts";
import { extendLocks, keptObjects } from "./extend-locks.ts";
import type { LockExtension } from "./lock-terms.ts";
import { takeInventory } from "./inventory.ts";
import { judgeOrder } from "./judge-order.ts";
import type { JudgedOrder, OrderedRemoval, Refusal } from "./judge-order.ts";
import { beginStep } from "./keeper-steps.ts";
import { outlineOf, planOfKeeper } from "./plan.ts";
import type { PlanPorts, PrunePolicy, RehearsedPlan } from "./plan.ts";
import { removeOrdered } from "./remove.ts";
import type { LockedRemoval } from "./remove.ts";
import { sweepUnfinished } from "./sweep-unfinished.ts";
import type { SweptUpload } from "./sweep-unfinished.ts";

/** The keeper's part of retention: it removes what was ordered, and nothing else. It signs nothing, opens nothing and puts nothing. */

export interface KeeperPorts extends PlanPorts {
  readonly progress: Progress;
}

export interface ExecuteOptions {
  /** The brakes that the person has looked at, beside those that the order names. */
  readonly although: readonly BrakeName[];
  /** Until when what is kept is to be locked at least; undefined where locks are not renewed. */
  readonly keptLockMs?: number | undefined;
  /** For how long the store locks what is put; undefined where it does not. */
  readonly lockMs?: number | undefined;
  /** Only says what it would do. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Execution {
  /** The keeper's own. */
  readonly plan: RehearsedPlan;
  /** Undefined where none was given, or none is left to follow. */
  readonly order: (Pick<Order, "id" | "time" | "actor"> & { readonly subjects: number }) | undefined;
  /** Why the newest order was not followed, though some of what it names is still there; or why none can be looked for. */
  readonly orderRefused: OrderRefusal | undefined;
  readonly brakes: readonly Brake[];
  readonly removed: readonly OrderedRemoval[];
  readonly refused: readonly Refusal[];
  readonly locked: readonly LockedRemoval[];
  /** Unfinished uploads that were thrown away. */
  readonly unfinished: readonly SweptUpload[];
  readonly locks: LockExtension;
  /** Of all that the cluster has in the store, in all versions, as the store lists it. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Follows the newest order of a cluster, if it is valid: works out again what retention keeps, and removes exactly the versions that are named and that nothing keeps: of each snapshot the manifest first, then
 * what stands beside it, then its data. What is locked stays, is named, and is tried again by the next run. A run that died goes on where it ended. Then unfinished uploads past the margin go, and the locks of all that is kept are renewed.
 * Throws `store/...`.
 */
export async function executeOrder(ports: KeeperPorts, cluster: string, policy: PrunePolicy, options: ExecuteOptions): Promise<Execution> {
  const { keptLockMs, lockMs, dryRun = false, signal } = options;
  const { allowed, refused, kept, bytesBefore, ...judged } = await judgeNewest(ports, cluster, policy, options);
  const mayRemove = judged.orderRefused === undefined && judged.brakes.length === 0;
  const done =
    mayRemove && !dryRun
      ? await removeOrdered(ports, cluster, allowed, signal)
      : { removed: mayRemove ? allowed : [], locked: [], changed: [] };
  const unfinished = await sweepUnfinished(ports, { olderThanMs: policy.orphansAfterMs, dryRun, signal });
  const locks =
    dryRun || keptLockMs === undefined
      ? { extended: 0, failed: [] }
      : await extendLocks(ports, cluster, kept, { keptLockMs, lockMs }, signal);
  beginStep(ports.progress, "inventory");
  return {
    ...judged,
    removed: done.removed,
    refused: judged.orderRefused === undefined ? [...refused, ...done.changed] : [],
    locked: done.locked,
    unfinished,
    locks,
    bytesBefore,
    bytesAfter: done.removed.length === 0 || dryRun ? bytesBefore : (await takeInventory(ports.blobs, cluster, signal)).bytes,
  };
}

interface JudgedNewest extends JudgedOrder, Pick<Execution, "plan" | "order" | "orderRefused" | "brakes" | "bytesBefore"> {
  /** All that the plan keeps; empty where locks are not renewed. */
  readonly kept: readonly BlobVersion[];
}

/** What the newest order comes to. The plan and the order themselves, which of ten thousand snapshots take a hundred megabytes, are let go with the end of it. */
async function judgeNewest(
  ports: KeeperPorts,
  cluster: string,
  policy: PrunePolicy,
  { although, keptLockMs, signal }: ExecuteOptions,
): Promise<JudgedNewest> {
  beginStep(ports.progress, "plan");
  const plan = await planOfKeeper(ports, cluster, policy, signal);
  const now = ports.clock.now();
  const newest = await readNewestOrder(ports, cluster, now, signal);
  const order = newest.state === "none" ? undefined : newest.order;
  const subjects = order === undefined ? [] : subjectsOfOrder(order);
  const settledBefore = new Date(now.getTime() - policy.orphansAfterMs);
  const { allowed, refused } = judgeOrder(cluster, subjects, plan, settledBefore);
  const isLeft = allowed.length > 0 || refused.length > 0;
  const takenOff = new Set<string>([...although, ...(order?.although ?? [])]);
  return {
    plan: outlineOf(plan),
    order: order === undefined || !isLeft ? undefined : { id: order.id, time: order.time, actor: order.actor, subjects: subjects.length },
    orderRefused: refusalIn(newest, isLeft),
    brakes: allowed.length === 0 ? [] : plan.brakes.filter(({ name }) => !takenOff.has(name)),
    allowed,
    refused,
    kept: keptLockMs === undefined ? [] : keptObjects(plan),
    bytesBefore: plan.facts.inventory.bytes,
  };
}

/** A log that somebody changed is told of always; an order that came too late, or not whole, where anything of it is left. */
function refusalIn(newest: NewestOrder, isLeft: boolean): OrderRefusal | undefined {
  if (newest.state === "valid") return undefined;
  return newest.refusal?.code === "broken-chain" || isLeft ? newest.refusal : undefined;
}
