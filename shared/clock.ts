/** Time, injected: nothing under shared/ reads a clock or sets a timer of its own. */
export interface Clock {
  /** Wall clock. */
  now(): Date;
  /** Milliseconds that only ever grow, for durations. */
  monotonicMs(): number;
  /** Calls `action` once after `ms`, unless the returned function was called before. */
  after(ms: number, action: () => void): () => void;
}

/** Resolves after `ms`, or at once when `signal` aborts: whoever waits looks what it was. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener("abort", done, { once: true });
    if (signal?.aborted === true) done();
  });
}

/** `bytes` random bytes from a cryptographic source. */
export type RandomBytes = (bytes: number) => Uint8Array;
