import { keeperEvent } from "../shared/contract/events.ts";
import type { KeeperOutcome } from "../shared/contract/outcomes.ts";
import { executeOrder } from "../shared/jobs/prune/execute.ts";
import type { Execution } from "../shared/jobs/prune/execute.ts";
import { prunePolicyOf } from "../shared/wire/prune-policy.ts";
import type { Measured } from "./metrics.ts";
import { serve } from "./serve.ts";

/** Removes what was ordered, and renews the locks of what is kept: KeeperEvent in, KeeperOutcome out (shared/contract/outcomes.ts). Its role holds no key, and it works out by itself what may go. */
export const handler = serve({
  schema: keeperEvent,
  failed: "keeperFailed",
  async run({ cluster }, { loaded, ports, signal }): Promise<{ outcome: KeeperOutcome; measured: Measured }> {
    const { policy, lockMs, keptLockMs } = prunePolicyOf(loaded, cluster);
    const execution = await executeOrder(ports, cluster, policy, { although: [], lockMs, keptLockMs, signal });
    const outcome = keeperOutcomeOf(cluster, execution);
    for (const finding of outcome.findings) ports.progress.note("warn", finding);
    const { removed, removedBytes, refused, bytesAfter } = outcome;
    return { outcome, measured: { removalRefused: refused, removed, removedBytes, vaultBytes: bytesAfter } };
  },
});

/** Of each list so many are named: the state of an execution holds 256 KiB. */
const NAMED = 20;

function keeperOutcomeOf(cluster: string, execution: Execution): KeeperOutcome {
  const { order, orderRefused, brakes, removed, refused, locked, unfinished, locks, bytesBefore, bytesAfter } = execution;
  const findings = [
    ...(orderRefused === undefined ? [] : [`the newest order of ${cluster} is not followed: ${orderRefused.message}`]),
    ...brakes.map(({ message, fix }) => `nothing of ${cluster} is removed, since ${message}; ${fix}`),
    ...some(refused.map(({ subject, reason }) => `${subject} was ordered to go, and is not removed: ${reason}`)),
    ...some(locks.failed.map(({ key, message }) => `the lock of ${key} could not be renewed: ${message}`)),
  ];
  return {
    cluster,
    order: order === undefined ? null : { id: order.id, time: order.time },
    removed: removed.length,
    removedBytes: removed.flatMap(({ objects }) => objects).reduce((sum, { bytes }) => sum + bytes, 0),
    locked: locked.length,
    refused: refused.length + (orderRefused === undefined ? 0 : 1),
    unfinished: unfinished.length,
    locksExtended: locks.extended,
    bytesBefore,
    bytesAfter,
    needsAttention: findings.length > 0,
    findings,
  };
}

function some(sentences: readonly string[]): readonly string[] {
  if (sentences.length <= NAMED) return sentences;
  return [
    ...sentences.slice(0, NAMED),
    `and ${sentences.length - NAMED} more, which are in the output of lifeboat prune --execute --dry-run`,
  ];
}
