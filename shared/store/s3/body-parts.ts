import { crc32 } from "node:zlib";
import type { BodyReader } from "../body-reader.ts";

/** What is sent by one request. */
export interface Part {
  readonly buffer: Uint8Array;
  /** What was put into the buffer. */
  readonly bytes: Uint8Array;
  /** CRC-32 of the bytes. */
  readonly crc: number;
}

const NOTHING = new Uint8Array();

/** Gathers a body's pieces in buffers. A piece that straddles two is not pulled past before its rest is copied too. */
export class BodyParts {
  readonly #reader: BodyReader;
  #rest: Uint8Array = NOTHING;

  constructor(reader: BodyReader) {
    this.#reader = reader;
  }

  /** Fills `buffer`; not to its end only at the body's. The CRC is taken on the way, while the bytes are in the processor's cache. */
  async gather(buffer: Uint8Array): Promise<Part> {
    let filled = 0;
    let crc = 0;
    while (filled < buffer.length) {
      if (this.#rest.length === 0) {
        const piece = await this.#reader.next();
        if (piece === undefined) break;
        this.#rest = piece;
      }
      const taken = Math.min(this.#rest.length, buffer.length - filled);
      const piece = this.#rest.subarray(0, taken);
      buffer.set(piece, filled);
      crc = crc32(piece, crc);
      this.#rest = this.#rest.subarray(taken);
      filled += taken;
    }
    return { buffer, bytes: filled === buffer.length ? buffer : buffer.subarray(0, filled), crc };
  }
}
