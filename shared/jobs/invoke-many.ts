import { pause } from "../clock.ts";
import type { Clock } from "../clock.ts";
import type { Executions } from "../cloud/executions.ts";
import type { RoundEvent } from "../contract/events.ts";
import { fleetMachineName } from "../contract/service.ts";
import type { ExecutionOutcome } from "../contract/outcomes.ts";
import type { FleetCluster } from "./fleet.ts";
import { mapConcurrently } from "../map-concurrently.ts";
import { invokeBackup } from "./invoke.ts";
import { functionFailure } from "./function-failure.ts";

export interface InvokeManyPorts {
  readonly executions: Executions;
  readonly clock: Clock;
  /** Told of each execution, of a cluster or a network, as soon as it runs. */
  readonly onStart: (of: string, execution: string) => void;
}

export type InvokedOne = { readonly cluster: string } & (
  | { readonly execution: string; readonly outcome: ExecutionOutcome | undefined }
  | { readonly failure: unknown }
);

/** Each is looked at every second. */
const AT_ONCE = 8;

/** Has the service back each cluster up, some at once, and watches them. `onEnd` is told as each ends; the outcomes are in the order of `clusters`. Throws nothing: a failure is an outcome. An interruption starts no more, and ends the watching. */
export async function invokeEach(
  { onStart, ...ports }: InvokeManyPorts,
  { clusters, service, signal }: { readonly clusters: readonly string[]; readonly service: string; readonly signal: AbortSignal },
  onEnd: (ended: InvokedOne) => void,
): Promise<readonly InvokedOne[]> {
  const ended: InvokedOne[] = [];
  const invoked = mapConcurrently(clusters, AT_ONCE, async (cluster): Promise<InvokedOne | undefined> => {
    if (signal.aborted) return undefined;
    const told = { ...ports, onStart: (execution: string) => onStart(cluster, execution), onState: () => undefined };
    const one = await invokeBackup(told, { cluster, service, signal }).then(
      (result): InvokedOne => ({ cluster, ...result }),
      (failure: unknown): InvokedOne => ({ cluster, failure }),
    );
    onEnd(one);
    return one;
  });
  for await (const one of invoked) if (one !== undefined) ended.push(one);
  return ended;
}

export interface InvokedRound {
  readonly network: string;
  readonly execution: string;
  /** False where the watching ended before the round. */
  readonly isEnded: boolean;
}

/** A round of a thousand clusters takes minutes. */
const POLL_MS = 5000;

/**
 * Has a fleet's service back clusters up, by network, and watches until each round has ended. What became of each cluster is in the store, since a round ends well whoever failed in it. Throws what a round itself failed
 * with.
 */
export async function invokeRounds(
  { executions, clock, onStart }: InvokeManyPorts,
  {
    networks,
    service,
    signal,
  }: { readonly networks: ReadonlyMap<string, readonly string[]>; readonly service: string; readonly signal: AbortSignal },
): Promise<readonly InvokedRound[]> {
  // All are found before one is started.
  const machines = await Promise.all(
    [...networks].map(async ([network, clusters]) => ({
      network,
      clusters,
      arn: await executions.find(fleetMachineName(service, network)),
    })),
  );
  const started = [];
  for (const { network, clusters, arn } of machines) {
    const event: RoundEvent = { round: "backup", network, clusters };
    const execution = await executions.start(arn, event);
    onStart(network, execution);
    started.push({ network, execution });
  }
  return Promise.all(
    started.map(async (each) => {
      while (!signal.aborted) {
        const state = await executions.look(each.execution);
        if (state.status === "failed")
          throw functionFailure(
            { error: state.error, message: state.cause },
            { what: `the round of network ${each.network}`, look: `see what it did: ${each.execution}` },
          );
        if (state.status !== "running") return { ...each, isEnded: true };
        await pause(clock, POLL_MS, signal);
      }
      return { ...each, isEnded: false };
    }),
  );
}

export interface NewSnapshot {
  readonly state: "good" | "not good" | "none";
  /** Of the new one; null where there is none. */
  readonly id: string | null;
}

/** Which snapshot a round has left of a cluster, by what the store had of it before and has now. */
export function newSince(before: FleetCluster | undefined, after: FleetCluster | undefined): NewSnapshot {
  const { newest, newestGood } = after?.stored ?? {};
  if (newest === undefined || newest.id === before?.stored?.newest?.id) return { state: "none", id: null };
  return { state: newestGood?.id === newest.id ? "good" : "not good", id: newest.id };
}
