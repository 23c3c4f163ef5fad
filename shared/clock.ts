/** Time, injected: nothing under shared/ reads a clock or sets a timer of its own. */
export interface Clock {
  /** Wall clock. */
  now(): Date;
  /** Milliseconds that only ever grow, for durations. */
  monotonicMs(): number;
  /** Calls `action` once after `ms`, unless the returned function was called before. */
  after(ms: number, action: () => void): () => void;
}

/** `bytes` random bytes from a cryptographic source. */
export type RandomBytes = (bytes: number) => Uint8Array;
