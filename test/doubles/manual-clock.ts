import type { Clock } from "../../shared/clock.ts";

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  #ms: number;
  readonly #startMs: number;
  #timers: { readonly dueMs: number; readonly action: () => void }[] = [];

  constructor(start = "2026-11-21T10:00:00Z") {
    this.#startMs = Date.parse(start);
    this.#ms = this.#startMs;
  }

  now(): Date {
    return new Date(this.#ms);
  }

  monotonicMs(): number {
    return this.#ms - this.#startMs;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { dueMs: this.#ms + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Lets `ms` pass; what falls due runs in order of its time, each at its time. */
  advance(ms: number): void {
    const until = this.#ms + ms;
    for (;;) {
      const due = this.#timers.filter(({ dueMs }) => dueMs <= until).toSorted((one, other) => one.dueMs - other.dueMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#ms = Math.max(this.#ms, due.dueMs);
      due.action();
    }
    this.#ms = until;
  }
}
