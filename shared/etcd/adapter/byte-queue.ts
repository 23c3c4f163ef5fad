import type { Clock } from "../../clock.ts";

/** Above this the source is asked to pause: enough to be busy with while the next bytes come. */
const HIGH_WATER_BYTES = 1024 * 1024;

export interface IdleLimit {
  readonly clock: Clock;
  readonly ms: number;
  /** The error where nothing came for `ms` while the consumer waited. */
  expired(): Error;
}

/**
 * Between a source that pushes and a consumer that pulls. The idle limit runs only while the consumer waits: one that is slow itself is no reason to
 * blame the source.
 */
export class ByteQueue {
  readonly #idle: IdleLimit;
  /** Called with true when the queue is full and false when it is emptied. */
  readonly #pause: (full: boolean) => void;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #full = false;
  #ended = false;
  #error: Error | undefined;
  #waiting: { readonly sinceMs: number; wake(): void } | undefined;
  #wakeSoon = false;
  #cancelTimer: (() => void) | undefined;

  constructor(idle: IdleLimit, pause: (full: boolean) => void) {
    this.#idle = idle;
    this.#pause = pause;
  }

  push(piece: Uint8Array): void {
    if (this.#done) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (!this.#full && this.#bytes >= HIGH_WATER_BYTES) {
      this.#full = true;
      this.#pause(true);
    }
  }

  /** Something came: the consumer wakes when all that is at hand has been pushed, since every waking costs as much as several pieces. */
  arrived(): void {
    if (this.#waiting === undefined || this.#wakeSoon) return;
    this.#wakeSoon = true;
    setImmediate(() => {
      this.#wakeSoon = false;
      this.#wake();
    });
  }

  /** The source ended well: what is queued is still handed out. */
  end(): void {
    this.#ended = true;
    this.#stop();
  }

  /** The source failed: the consumer hears of it at once. Later endings and failures do not count. */
  fail(error: Error): void {
    if (this.#done) return;
    this.#error = error;
    this.#pieces = [];
    this.#stop();
  }

  /** All that has come since the last call, waiting for it if need be; undefined at the end. One consumer at a time. */
  async take(): Promise<readonly Uint8Array[] | undefined> {
    while (this.#pieces.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting = { sinceMs: this.#idle.clock.monotonicMs(), wake: resolve };
      this.#watch();
      await promise;
    }
    const taken = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    if (this.#full) {
      this.#full = false;
      this.#pause(false);
    }
    return taken;
  }

  get #done(): boolean {
    return this.#ended || this.#error !== undefined;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.wake();
  }

  #stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#wake();
  }

  /** One timer for many waits: when it fires it looks how long the present wait has been. Arming one per wait costs more than the waits. */
  #watch(): void {
    const { clock, ms } = this.#idle;
    const check = (): void => {
      this.#cancelTimer = undefined;
      if (this.#waiting === undefined || this.#done) return;
      const leftMs = this.#waiting.sinceMs + ms - clock.monotonicMs();
      if (leftMs <= 0) this.fail(this.#idle.expired());
      else this.#cancelTimer = clock.after(leftMs, check);
    };
    this.#cancelTimer ??= clock.after(ms, check);
  }
}
