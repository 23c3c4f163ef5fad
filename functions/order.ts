import { FAILURES } from "../shared/contract/service.ts";
import type { OrderReport } from "../shared/contract/outcomes.ts";
import type { CustodyReceipt } from "../shared/documents/parts.ts";
import { orderRemovals } from "../shared/jobs/prune/order.ts";
import { planRemovals } from "../shared/jobs/prune/plan.ts";
import { unaccountedBytes } from "../shared/jobs/prune/storage.ts";
import { findUnfollowed } from "../shared/jobs/prune/unfollowed.ts";
import type { ConfiguredPrune } from "../shared/wire/prune-policy.ts";
import { failureOf } from "./failure.ts";
import type { Measured } from "./metrics.ts";
import type { Invocation } from "./serve.ts";

export interface Ordered {
  readonly order: OrderReport;
  /** The last record of the custody log that this left. */
  readonly custody: CustodyReceipt | undefined;
  readonly measured: Measured;
}

const NOTHING = { subjects: 0, bytes: 0, brakes: [], message: null };

/**
 * Works out what retention no longer keeps after a verification, and orders it to go; nothing is removed by it. Never throws: what fails is told and counted, and the verification holds all the same.
 */
export async function orderAfter(
  { ports, signal }: Pick<Invocation, "ports" | "signal">,
  cluster: string,
  policyOf: () => Pick<ConfiguredPrune, "policy">,
): Promise<Ordered> {
  const { progress, clock } = ports;
  try {
    const plan = await planRemovals(ports, cluster, policyOf().policy, signal);
    const seen = {
      vaultBytes: plan.facts.inventory.bytes,
      unaccountedBytes: unaccountedBytes(plan),
      orderUnfollowed: (await findUnfollowed(ports, cluster, plan, clock.now(), signal)).length,
    };
    const ordered = await orderRemovals(ports, cluster, plan, { although: [], signal });
    if (ordered.outcome === "waits") {
      for (const { message, fix } of ordered.brakes) progress.note("warn", `nothing of ${cluster} is removed, since ${message}; ${fix}`);
      const order = { ...NOTHING, outcome: ordered.outcome, brakes: ordered.brakes };
      return { order, custody: undefined, measured: { ...seen, orderFailed: 0, removalWaits: 1 } };
    }
    const measured = { ...seen, orderFailed: 0, removalWaits: 0 };
    if (ordered.outcome === "nothing") return { order: { ...NOTHING, outcome: "nothing" }, custody: undefined, measured };
    const { outcome, subjects, bytes, records } = ordered;
    progress.note("info", `${subjects} objects of ${cluster} are ordered to go`);
    return { order: { ...NOTHING, outcome, subjects, bytes }, custody: outcome === "ordered" ? records.at(-1) : undefined, measured };
  } catch (error) {
    const { failure, logged } = failureOf(error, signal);
    const message = `what is to go of ${cluster} could not be ordered: ${failure.message}`;
    progress.note("warn", failure.name === FAILURES.unexpected ? `${message} ${JSON.stringify(logged)}` : message);
    return { order: { ...NOTHING, outcome: "failed", message }, custody: undefined, measured: { orderFailed: 1 } };
  }
}
