import type { Clock } from "../../clock.ts";
import type { DebugKind, DebugLog } from "../../debug-log.ts";
import { isLifeboatError, messageOf } from "../../errors.ts";

/** Tells each call of one port with its outcome and time. */
export class Timed {
  readonly #debug: DebugLog;
  readonly #kind: DebugKind;
  readonly #clock: Clock;

  constructor(debug: DebugLog, kind: DebugKind, clock: Clock) {
    this.#debug = debug;
    this.#kind = kind;
    this.#clock = clock;
  }

  /** `outcome` of what came: the end of the line. */
  async call<T>(what: string, work: () => Promise<T>, outcome: (result: T) => string = () => "done"): Promise<T> {
    const started = this.#clock.monotonicMs();
    try {
      const result = await work();
      this.#log(what, outcome(result), started);
      return result;
    } catch (error) {
      this.#log(what, failed(error), started);
      throw error;
    }
  }

  /** `measure` says how much an item is, for `total` to say of all. */
  async *stream<T>(
    what: string,
    source: AsyncIterable<T>,
    measure: (item: T) => number,
    total: (sum: number) => string,
  ): AsyncGenerator<T, void, undefined> {
    const started = this.#clock.monotonicMs();
    let sum = 0;
    let outcome = "left before its end";
    try {
      for await (const item of source) {
        sum += measure(item);
        yield item;
      }
      outcome = "done";
    } catch (error) {
      outcome = failed(error);
      throw error;
    } finally {
      this.#log(what, `${outcome}, ${total(sum)}`, started);
    }
  }

  #log(what: string, outcome: string, started: number): void {
    this.#debug.log(this.#kind, `${what}: ${outcome}, ${Math.round(this.#clock.monotonicMs() - started)} ms`);
  }
}

function failed(error: unknown): string {
  return `failed: ${isLifeboatError(error) ? `${error.code}: ` : ""}${messageOf(error).replaceAll("\n", " ")}`;
}
