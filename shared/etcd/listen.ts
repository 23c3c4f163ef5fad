import type { Clock } from "../clock.ts";
import { isLifeboatError } from "../errors.ts";
import type { EndpointStatus, EtcdSource } from "./etcd-source.ts";
import { throwIfAborted } from "../store/body-reader.ts";

/**
 * How long to go on where no new member answers, by tries and by time. A balancer that picks one of three at random leaves one of them out 24 times in a row once in
 * 17,000 times, one of five once in 200; one that takes them in turn never does. The time is for members that do not answer.
 */
export const PATIENCE = { tries: 24, ms: 30_000 } as const;

/**
 * So many answers of one and the same member mean that it is alone there: two that take turns, or are picked at random, would show with more than 99 in
 * 100 looks. Most endpoints are a member's own, and must not be asked for ever.
 */
const ALONE = 8;

/**
 * The members that answer at `first.endpoint`, `first` among them: asked for their status, which costs them nothing, on one new connection after the other, until
 * `isEnough` or no new one comes.
 */
export async function listen(
  { etcd, clock }: { readonly etcd: EtcdSource; readonly clock: Clock },
  first: EndpointStatus,
  isEnough: (heard: readonly EndpointStatus[]) => boolean,
  signal?: AbortSignal,
): Promise<readonly EndpointStatus[]> {
  const { endpoint } = first;
  const heard = new Map([[first.memberId, first]]);
  let fruitless = 0;
  let sinceMs = clock.monotonicMs();
  while (
    fruitless < (heard.size === 1 ? ALONE : PATIENCE.tries) &&
    clock.monotonicMs() - sinceMs < PATIENCE.ms &&
    !isEnough([...heard.values()])
  ) {
    throwIfAborted(`asking who answers at ${endpoint}`, signal);
    etcd.renew(endpoint);
    const status = await statusOrNothing(etcd, endpoint, signal);
    if (status === undefined || heard.has(status.memberId)) {
      fruitless += 1;
    } else {
      heard.set(status.memberId, status);
      fruitless = 0;
      sinceMs = clock.monotonicMs();
    }
  }
  return [...heard.values()];
}

/** Random picks of one of three are all the same five times in a row once in 81 times; then HashKV shows it, at the cost of a question that was not meant for who got it. */
const ON_ONE_CONNECTION = 5;

/** Whether calls of one connection are answered by different members. */
export async function spreadsCalls({ etcd }: { readonly etcd: EtcdSource }, endpoint: string, signal?: AbortSignal): Promise<boolean> {
  etcd.renew(endpoint);
  let first: string | undefined;
  for (let call = 1; call <= ON_ONE_CONNECTION; call += 1) {
    const status = await statusOrNothing(etcd, endpoint, signal);
    first ??= status?.memberId;
    if (status !== undefined && status.memberId !== first) return true;
  }
  return false;
}

/** Undefined where nobody answers. */
async function statusOrNothing(etcd: EtcdSource, endpoint: string, signal: AbortSignal | undefined): Promise<EndpointStatus | undefined> {
  try {
    return await etcd.status(endpoint, signal);
  } catch (error) {
    if (isLifeboatError(error, "etcd/")) return undefined;
    throw error;
  }
}
