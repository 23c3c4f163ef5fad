import type { LifeboatError } from "../errors.ts";
import { MAX_SET_BYTES } from "./limits.ts";

/** Bytes of a stream, taken in the lengths that a tar has. */
export class Bytes {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #refused: (why: string) => LifeboatError;
  #rest: Uint8Array = new Uint8Array(0);
  #taken = 0;
  #seen = 0;

  constructor(chunks: AsyncIterator<Uint8Array>, refused: (why: string) => LifeboatError) {
    this.#chunks = chunks;
    this.#refused = refused;
  }

  /** How many were taken. */
  get taken(): number {
    return this.#taken;
  }

  /** The next `length` bytes in pieces, which are valid until the next one is asked for. Throws `verify/format` where they are not all there; `where` tells of it. */
  async *take(length: number, where: string): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) throw this.#refused(`it is cut ${where}`);
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      this.#taken += piece.length;
      left -= piece.length;
      yield piece;
    }
  }

  /** The same in one piece of its own. */
  async whole(length: number, where: string): Promise<Uint8Array> {
    // Most of them are a block or less of a chunk that is there.
    if (this.#rest.length >= length) {
      const piece = this.#rest.slice(0, length);
      this.#rest = this.#rest.subarray(length);
      this.#taken += length;
      return piece;
    }
    const all = new Uint8Array(length);
    let filled = 0;
    for await (const piece of this.take(length, where)) {
      all.set(piece, filled);
      filled += piece.length;
    }
    return all;
  }

  /** All that is left, in pieces. */
  async *others(): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.#rest.length > 0 || (await this.#more())) {
      const piece = this.#rest;
      this.#rest = new Uint8Array(0);
      this.#taken += piece.length;
      yield piece;
    }
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#seen += next.value.length;
    if (this.#seen > MAX_SET_BYTES) throw this.#refused(`it is larger than ${MAX_SET_BYTES} bytes`);
    this.#rest = next.value;
    return true;
  }
}
