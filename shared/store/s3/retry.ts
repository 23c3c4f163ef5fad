import { pause, type Clock, type RandomBytes } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import { interrupted, throwIfAborted } from "../body-reader.ts";
import { isTransient, s3Error } from "./errors.ts";
import type { S3Pace } from "./settings.ts";

/** 5 s: S3 asks for no longer pauses, and a person waits. */
const LONGEST_PAUSE_MS = 5000;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** How often it is tried in all, where not as often as the pace says. */
  readonly attempts?: number;
  /** Errors that the caller deals with: they are thrown as they came, and at once. */
  readonly except?: (error: unknown) => boolean;
}

/**
 * Tries calls again after what passes, with growing pauses of random length so that many writers do not come back at once. In place of the SDK's own
 * retries, whose pauses no signal ends and no injected clock measures.
 */
export class Retry {
  readonly location: string;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #pace: S3Pace;

  constructor(location: string, clock: Clock, random: RandomBytes, pace: S3Pace) {
    this.location = location;
    this.#clock = clock;
    this.#random = random;
    this.#pace = pace;
  }

  /** What `work` gives in the end. Throws `store/...` naming `doing`, `interrupted`, or what `except` holds for. */
  async call<T>(doing: string, work: (signal: AbortSignal | undefined) => Promise<T>, options: CallOptions = {}): Promise<T> {
    const { signal, attempts = this.#pace.attempts, except = () => false } = options;
    for (let attempt = 1; ; attempt += 1) {
      let reason: unknown;
      throwIfAborted(`${doing} in ${this.location}`, signal);
      try {
        return await work(signal);
      } catch (error) {
        if (signal?.aborted === true) throw interrupted(`${doing} in ${this.location}`, signal);
        if (except(error)) throw error;
        reason = error;
        if (attempt >= attempts || !isTransient(error)) throw this.failure(error, doing);
      }
      await this.pause(attempt, signal, `${doing} in ${this.location}`, reason);
    }
  }

  /** What is told of an error after which nothing more is tried. */
  failure(error: unknown, doing: string): unknown {
    return s3Error(error, doing, this.location);
  }

  /** Waits before try `attempt` + 1; a signal ends it. */
  async pause(attempt: number, signal: AbortSignal | undefined, doing = this.location, reason?: unknown): Promise<void> {
    const ms = Math.min(this.#pace.pauseMs * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
    // Between half and the whole of it.
    const waitMs = ms * (0.5 + (this.#random(1)[0] ?? 0) / 512);
    this.#pace.onRetry?.(
      `${doing}: try ${attempt + 1} in ${Math.round(waitMs)} ms${reason === undefined ? "" : `, because of ${messageOf(reason)}`}`,
    );
    await pause(this.#clock, waitMs, signal);
  }
}
