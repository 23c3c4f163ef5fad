import type { Clock } from "../../clock.ts";
import type { Progress } from "../../progress.ts";

/** Runs the phases of a job by name, tells of each as it begins, and keeps how long each took. */
export class Phases<Name extends string> {
  readonly #clock: Clock;
  readonly #progress: Progress;
  readonly #milliseconds = new Map<Name, number>();

  constructor(clock: Clock, progress: Progress) {
    this.#clock = clock;
    this.#progress = progress;
  }

  /** A phase that runs again adds up. */
  async run<T>(name: Name, action: () => Promise<T>, totalBytes?: number): Promise<T> {
    const start = this.#clock.monotonicMs();
    this.#progress.phase(name, totalBytes);
    try {
      return await action();
    } finally {
      this.#milliseconds.set(name, (this.#milliseconds.get(name) ?? 0) + Math.round(this.#clock.monotonicMs() - start));
    }
  }

  /** In the order in which they first ran. */
  get milliseconds(): Readonly<Partial<Record<Name, number>>> {
    // Object.fromEntries forgets the key type that the map has.
    return Object.fromEntries(this.#milliseconds) as Partial<Record<Name, number>>;
  }
}
