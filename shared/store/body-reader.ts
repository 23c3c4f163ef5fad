import { LifeboatError } from "../errors.ts";

/** The error of a call that `signal` ended; its reason is the cause. */
export function interrupted(what: string, signal: AbortSignal): LifeboatError {
  return new LifeboatError("interrupted", `${what} was interrupted`, { cause: signal.reason });
}

export function throwIfAborted(what: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interrupted(what, signal);
}

/** What `work` gives, or `interrupted` as soon as `signal` aborts; `work` itself then goes on unheard. */
export async function untilAborted<T>(work: Promise<T>, what: string, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let stopListening = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => reject(interrupted(what, signal));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    stopListening = () => signal.removeEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stopListening();
  }
}

/**
 * The body of a put, pulled chunk by chunk, and never before the last chunk was dealt with. What the body throws passes through unchanged. `close` belongs
 * in a `finally`: it tells a body that was not read to its end that nobody will.
 */
export class BodyReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #what: string;
  readonly #signal: AbortSignal | undefined;
  #state: "open" | "pulling" | "ended" = "open";

  /** `what` names the call in the message of an interruption. */
  constructor(body: AsyncIterable<Uint8Array>, what: string, signal?: AbortSignal) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#what = what;
    this.#signal = signal;
  }

  /** The next chunk, or undefined at the end. Throws `interrupted` at once when the signal aborts, also where the body hangs. */
  async next(): Promise<Uint8Array | undefined> {
    throwIfAborted(this.#what, this.#signal);
    this.#state = "pulling";
    const pull = this.#chunks.next().then(
      (result) => {
        this.#state = result.done === true ? "ended" : "open";
        return result;
      },
      (error: unknown) => {
        this.#state = "ended";
        throw error;
      },
    );
    const result = await untilAborted(pull, this.#what, this.#signal);
    return result.done === true ? undefined : result.value;
  }

  /** Calls the body's `return` unless it ended by itself. Never throws: the error that led here is the one to pass on. */
  async close(): Promise<void> {
    if (this.#state === "ended") return;
    const hangs = this.#state === "pulling";
    this.#state = "ended";
    const closed = (async () => this.#chunks.return?.())().catch(() => undefined);
    // A generator that hangs in a pull answers `return` only after it: waiting would undo the prompt interruption.
    if (!hangs) await closed;
  }
}
