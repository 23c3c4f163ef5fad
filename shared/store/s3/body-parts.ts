import type { BodyReader } from "../body-reader.ts";

const NOTHING = new Uint8Array();

/** Gathers a body's pieces in buffers. A piece that straddles two is not pulled past before its rest is copied too. */
export class BodyParts {
  readonly #reader: BodyReader;
  #rest: Uint8Array = NOTHING;

  constructor(reader: BodyReader) {
    this.#reader = reader;
  }

  /** How many bytes were put into `buffer`: fewer than it holds only at the body's end. */
  async gather(buffer: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      if (this.#rest.length === 0) {
        const piece = await this.#reader.next();
        if (piece === undefined) break;
        this.#rest = piece;
      }
      const taken = Math.min(this.#rest.length, buffer.length - filled);
      buffer.set(this.#rest.subarray(0, taken), filled);
      this.#rest = this.#rest.subarray(taken);
      filled += taken;
    }
    return filled;
  }
}
