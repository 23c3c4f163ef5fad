import type { Block } from "../../blocks.ts";
import { throwIfAborted, untilAborted } from "../body-reader.ts";

/** The blocks of a snapshot: an interruption ends a pull at once, and what that pull brings later is released. */
export class BlockSource {
  readonly #blocks: AsyncIterator<Block>;
  readonly #what: string;
  readonly #signal: AbortSignal | undefined;
  #state: "open" | "pulling" | "ended" = "open";

  constructor(blocks: AsyncIterator<Block>, what: string, signal: AbortSignal | undefined) {
    this.#blocks = blocks;
    this.#what = what;
    this.#signal = signal;
  }

  async next(): Promise<Block | undefined> {
    throwIfAborted(this.#what, this.#signal);
    this.#state = "pulling";
    let isWanted = true;
    const pull = this.#blocks.next().then(
      (result) => {
        this.#state = result.done === true ? "ended" : "open";
        if (!isWanted && result.done !== true) result.value.release();
        return result;
      },
      (error: unknown) => {
        this.#state = "ended";
        throw error;
      },
    );
    try {
      const result = await untilAborted(pull, this.#what, this.#signal);
      return result.done === true ? undefined : result.value;
    } catch (error) {
      isWanted = false;
      throw error;
    }
  }

  /** Never throws: the error that led here is the one to pass on. Does not wait for a source that hangs. */
  async close(): Promise<void> {
    if (this.#state === "ended") return;
    const closed = (async () => this.#blocks.return?.())().catch(() => undefined);
    if (this.#state !== "pulling") await closed;
  }
}
