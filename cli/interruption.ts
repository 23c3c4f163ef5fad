import { LifeboatError } from "../shared/errors.ts";

/**
 * 500 ms: a terminal and a wrapper such as `timeout` both pass on one Ctrl-C, and a dropped session sends SIGHUP and SIGTERM. Whoever does not want to wait for the
 * clean end presses it again later than that.
 */
export const ONE_INTERRUPTION_MS = 500;

/** What the signals that end a process do: the first one interrupts the run, which then ends cleanly. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #now: () => number;
  #firstMs = 0;

  /** `now` is a clock that never goes back, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Aborts with a LifeboatError `interrupted`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Takes the signal `name`; true where the process is to end at once, without a clean end. */
  receive(name: string): boolean {
    if (this.signal.aborted) return this.#now() - this.#firstMs >= ONE_INTERRUPTION_MS;
    this.#firstMs = this.#now();
    this.#controller.abort(
      new LifeboatError("interrupted", `interrupted by ${name}`, { hint: "nothing half done is visible; run the command again" }),
    );
    return false;
  }
}
