import { wordsOf } from "./words.ts";
import type { Words } from "./words.ts";

/** Bytes held back because what they begin goes on in a later chunk. */
export class Carry {
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Takes from `chunk`, from `offset` on, what is lacking to `wanted` bytes in all: how many it took. */
  fill(chunk: Uint8Array, offset: number, wanted: number): number {
    const more = Math.min(wanted - this.length, chunk.length - offset);
    if (more <= 0) return 0;
    this.#reserve(more, wanted);
    this.#buffer.set(chunk.subarray(offset, offset + more), this.#end);
    this.#end += more;
    return more;
  }

  /** `bytes` fewer at the beginning: a multiple of 4. */
  drop(bytes: number): void {
    this.#start += bytes;
    if (this.#start === this.#end) this.clear();
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
  }

  get words(): Words {
    return wordsOf(this.#buffer.subarray(this.#start, this.#end));
  }

  /** A quarter more than what is wanted, so that what slides through is moved to the beginning only now and then. */
  #reserve(more: number, wanted: number): void {
    if (this.#end + more <= this.#buffer.length) return;
    const length = this.length;
    if (wanted * 1.25 <= this.#buffer.length) this.#buffer.copyWithin(0, this.#start, this.#end);
    else {
      const larger = new Uint8Array(Math.ceil(wanted * 1.25));
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = larger;
    }
    this.#start = 0;
    this.#end = length;
  }
}
