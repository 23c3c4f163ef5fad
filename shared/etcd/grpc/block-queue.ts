import { type Block, BlockFiller } from "../../blocks.ts";
import type { Clock } from "../../clock.ts";

/** With so many full blocks waiting the source is asked to pause: one to be worked on while the next one comes. */
const HIGH_WATER_BLOCKS = 1;

export interface IdleLimit {
  readonly clock: Clock;
  readonly ms: number;
  /** The error where nothing came for `ms` while the consumer waited. */
  expired(): Error;
}

/**
 * Between a source that pushes pieces and a consumer that pulls blocks. The idle limit runs only while the consumer waits: one that is slow itself is no
 * reason to blame the source.
 */
export class BlockQueue {
  readonly #idle: IdleLimit;
  /** Called with true when the queue is full and false when it is emptied. */
  readonly #pause: (full: boolean) => void;
  readonly #filler: BlockFiller;
  #blocks: Block[] = [];
  #full = false;
  #ended = false;
  #error: Error | undefined;
  #wakeUp: (() => void) | undefined;
  /** When the consumer began to wait, or something came since. */
  #quietSinceMs = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(idle: IdleLimit, pause: (full: boolean) => void, blockBytes?: number) {
    this.#idle = idle;
    this.#pause = pause;
    this.#filler = new BlockFiller(blockBytes);
  }

  /** Copies `piece`, which is the caller's again afterwards. */
  push(piece: Uint8Array): void {
    if (this.#done) return;
    this.#quietSinceMs = this.#idle.clock.monotonicMs();
    for (let offset = 0; offset < piece.length;) {
      const { taken, full } = this.#filler.fill(piece, offset);
      offset += taken;
      if (full !== undefined) this.#blocks.push(full);
    }
    if (this.#blocks.length > 0) this.#wake();
    if (!this.#full && this.#blocks.length >= HIGH_WATER_BLOCKS) {
      this.#full = true;
      this.#pause(true);
    }
  }

  /** The source ended well: what is queued is still handed out. */
  end(): void {
    if (this.#done) return;
    const rest = this.#filler.rest();
    if (rest !== undefined) this.#blocks.push(rest);
    this.#ended = true;
    this.#stop();
  }

  /** The source failed: the consumer hears of it at once. Later endings and failures do not count. */
  fail(error: Error): void {
    if (this.#done) return;
    this.#error = error;
    this.#blocks = [];
    this.#stop();
  }

  /** The next block, waiting for it if need be: a full one but for the last; undefined at the end. One consumer at a time. */
  async take(): Promise<Block | undefined> {
    while (this.#blocks.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#quietSinceMs = this.#idle.clock.monotonicMs();
      this.#wakeUp = resolve;
      this.#watch();
      await promise;
    }
    const block = this.#blocks.shift();
    if (this.#full && this.#blocks.length < HIGH_WATER_BLOCKS) {
      this.#full = false;
      this.#pause(false);
    }
    return block;
  }

  get #done(): boolean {
    return this.#ended || this.#error !== undefined;
  }

  #wake(): void {
    const wakeUp = this.#wakeUp;
    this.#wakeUp = undefined;
    wakeUp?.();
  }

  #stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#wake();
  }

  /** One timer for many waits: when it fires it looks how long it has been quiet. Arming one per wait costs more than the waits. */
  #watch(): void {
    const { clock, ms } = this.#idle;
    const check = (): void => {
      this.#cancelTimer = undefined;
      if (this.#wakeUp === undefined || this.#done) return;
      const leftMs = this.#quietSinceMs + ms - clock.monotonicMs();
      if (leftMs <= 0) this.fail(this.#idle.expired());
      else this.#cancelTimer = clock.after(leftMs, check);
    };
    this.#cancelTimer ??= clock.after(ms, check);
  }
}
