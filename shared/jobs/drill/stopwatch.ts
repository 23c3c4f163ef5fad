import type { Clock } from "../../clock.ts";
import type { Progress } from "../../progress.ts";

export interface Step {
  readonly name: string;
  readonly ms: number;
}

/** The steps of a drill, in order: everything that it does belongs to one. */
export const STEPS = [
  "bundle",
  "unpack",
  "check",
  "decrypt",
  "restore",
  "start",
  "hash",
  "read",
  "decode",
  "stop",
  "apply",
  "compare",
  "wipe",
] as const;
export type StepName = (typeof STEPS)[number];

/** What a drill did, and how long each step took. Steps of restore.sh apply stand as `apply: STEP`. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #progress: Progress;
  readonly #steps: Step[] = [];
  #now: { readonly name: string; readonly sinceMs: number } | undefined;

  constructor(clock: Clock, progress: Progress) {
    this.#clock = clock;
    this.#progress = progress;
  }

  /** The step before it ends here. */
  begin(name: StepName | `apply: ${string}`, totalBytes?: number): void {
    this.end();
    this.#now = { name, sinceMs: this.#clock.monotonicMs() };
    this.#progress.phase(name, totalBytes);
  }

  end(): void {
    if (this.#now === undefined) return;
    this.#steps.push({ name: this.#now.name, ms: Math.round(this.#clock.monotonicMs() - this.#now.sinceMs) });
    this.#now = undefined;
  }

  /** The one that is under way. */
  get name(): string {
    return this.#now?.name ?? this.#steps.at(-1)?.name ?? STEPS[0];
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }
}
