import type { Clock } from "../shared/clock.ts";
import { LifeboatError } from "../shared/errors.ts";

/**
 * What a run that is stopped still needs: up to 10 s to throw its upload away (shared/store/s3/upload.ts), up to 3 s to tell the custody log (shared/vault/custody/custodian.ts),
 * and 2 s to write metrics and log and to answer.
 */
export const LAST_WORDS_MS = 15_000;

export interface Deadline {
  /** Aborts with a LifeboatError `interrupted`, early enough for the run to leave nothing behind. */
  readonly signal: AbortSignal;
  /** Milliseconds until then. */
  readonly remainingMs: () => number;
  readonly cancel: () => void;
}

/** `remainingMs`: until Lambda kills the function. At least half of it is for the work, however short it is. */
export function deadlineOf(clock: Clock, remainingMs: number): Deadline {
  const stop = new AbortController();
  const ms = Math.max(remainingMs - LAST_WORDS_MS, remainingMs / 2);
  const endMs = clock.monotonicMs() + ms;
  const cancel = clock.after(ms, () =>
    stop.abort(
      new LifeboatError("interrupted", `the function's time was nearly up after ${Math.round(ms / 1000)} s, and the run was stopped`, {
        hint: "raise service.databaseSize of the cluster, or lower service.megabytesPerSecond to what its link gives, and deploy again",
      }),
    ),
  );
  return { signal: stop.signal, remainingMs: () => endMs - clock.monotonicMs(), cancel };
}
