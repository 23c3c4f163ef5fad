import type { Clock } from "./clock.ts";
import { LifeboatError } from "./errors.ts";

/** How long `within` waits, and what ends it sooner. */
export interface Patience {
  readonly clock: Clock;
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
}

/** The error of work that `signal` ended; `doing` says what it was, as in "interrupted while asking https://... for its status". */
export function interrupted(signal: AbortSignal, doing: string): LifeboatError {
  return new LifeboatError("interrupted", `interrupted while ${doing}`, { cause: signal.reason });
}

/**
 * What `start` resolves with, or `timeout()` once the time is up, or `interrupted`. The signal handed to `start` aborts in both cases: it must let go
 * of what it holds then, and nobody waits for how it ends.
 */
export async function within<T>(
  patience: Patience,
  doing: string,
  timeout: () => LifeboatError,
  start: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, ms, signal } = patience;
  if (signal?.aborted === true) throw interrupted(signal, doing);
  const stop = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (error: LifeboatError): void => {
    reject(error);
    stop.abort(error);
  };
  const onAbort = (): void => {
    if (signal !== undefined) end(interrupted(signal, doing));
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  const cancelTimer = clock.after(ms, () => end(timeout()));
  try {
    return await Promise.race([start(stop.signal), ended]);
  } finally {
    cancelTimer();
    signal?.removeEventListener("abort", onAbort);
  }
}
