import { createHash } from "node:crypto";

/** etcd ends a snapshot taken over the network with the SHA-256 of all bytes before it (etcd: api/v3rpc/maintenance.go). */
export const TRAILER_BYTES = 32;

export interface SnapshotDigests {
  /** All bytes, the trailer included. */
  readonly bytes: number;
  /** `sha256:` of all bytes, the trailer included. */
  readonly sha256: string;
  /** `sha256:` that the last 32 bytes claim of the bytes before them. */
  readonly trailer: string;
  /** Whether that claim is true. False also where there are too few bytes for a trailer. */
  readonly trailerHolds: boolean;
}

/** `wrong`: there is something of a trailer's length that is not the digest of what comes before it. */
export type TrailerState = "ok" | "wrong" | "missing";

/** bbolt grows a file by whole pages, so that only a trailer leaves a rest past these (etcd: snapshot restore looks for the same). */
const SECTOR_BYTES = 512;

/** What a snapshot's own trailer says of it, whatever its tree is like. */
export function trailerState({ bytes, trailerHolds }: SnapshotDigests): TrailerState {
  if (trailerHolds) return "ok";
  return bytes % SECTOR_BYTES === TRAILER_BYTES ? "wrong" : "missing";
}

/** Both digests of a snapshot in one pass: the last 32 bytes seen so far are held back from the hash. */
export class SnapshotHasher {
  readonly #hash = createHash("sha256");
  #held: Buffer = Buffer.alloc(0);
  #bytes = 0;

  update(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (chunk.length >= TRAILER_BYTES) {
      this.#hash.update(this.#held).update(chunk.subarray(0, chunk.length - TRAILER_BYTES));
      // A copy: the chunk's memory may be used again.
      this.#held = Buffer.from(chunk.subarray(chunk.length - TRAILER_BYTES));
      return;
    }
    const joined = Buffer.concat([this.#held, chunk]);
    const settled = Math.max(0, joined.length - TRAILER_BYTES);
    this.#hash.update(joined.subarray(0, settled));
    this.#held = joined.subarray(settled);
  }

  /** To be called once, after the last byte. */
  finish(): SnapshotDigests {
    const content = this.#hash.copy().digest();
    const all = this.#hash.update(this.#held).digest("hex");
    return {
      bytes: this.#bytes,
      sha256: `sha256:${all}`,
      trailer: `sha256:${this.#held.toString("hex")}`,
      trailerHolds: content.equals(this.#held),
    };
  }

  /** Passes chunks through, hashing each on its way. */
  async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.update(chunk);
      yield chunk;
    }
  }
}
