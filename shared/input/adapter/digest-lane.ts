import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { BLOCK_BYTES } from "../../blocks.ts";
import { SnapshotHasher } from "../../snapshot/trailer.ts";
import type { SnapshotDigests } from "../../snapshot/trailer.ts";

/** One being filled, one being looked at, and some for the hash to be behind by. */
const BUFFERS = 6;

/** From here on a thread of its own saves more time than its start takes (some 50 ms, measured). */
const WORKER_BYTES = 32 << 20;

/** Lends out buffers and hashes what is given back in them. */
export interface DigestLane {
  /** A buffer to fill, when one is free. */
  buffer(): Promise<ArrayBuffer>;
  /** Takes `bytes`, which begin their buffer; neither may be touched afterwards. */
  give(bytes: Uint8Array<ArrayBuffer>): void;
  /** To be called once, after the last bytes. */
  digests(): Promise<SnapshotDigests>;
  close(): Promise<void>;
}

/** A lane for so many bytes: SHA-256 takes as long as all else that is done to a snapshot, so a large one is hashed on another thread. */
export function digestLane(bytes: number): DigestLane {
  return bytes < WORKER_BYTES ? new SameThread() : new OtherThread();
}

class SameThread implements DigestLane {
  readonly #hasher = new SnapshotHasher();
  readonly #free: ArrayBuffer[] = [];

  async buffer(): Promise<ArrayBuffer> {
    return this.#free.pop() ?? new ArrayBuffer(BLOCK_BYTES);
  }

  give(bytes: Uint8Array<ArrayBuffer>): void {
    this.#hasher.update(bytes);
    this.#free.push(bytes.buffer);
  }

  async digests(): Promise<SnapshotDigests> {
    return this.#hasher.finish();
  }

  async close(): Promise<void> {
    this.#free.length = 0;
  }
}

class OtherThread implements DigestLane {
  // The worker lies beside this module, as TypeScript or as what was built of it.
  readonly #worker = new Worker(new URL(`digest-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url));
  readonly #free: ArrayBuffer[] = [];
  readonly #failed = Promise.withResolvers<never>();
  readonly #digests = Promise.withResolvers<SnapshotDigests>();
  #made = 0;
  #freed = Promise.withResolvers<void>();

  constructor() {
    // Whoever waits hears of it; nobody may be waiting.
    this.#failed.promise.catch(() => undefined);
    this.#worker.on("error", (error) => this.#failed.reject(error));
    // What arrives is what digest-worker.ts sends: the two are one program.
    this.#worker.on("message", (answer: ArrayBuffer | SnapshotDigests) => {
      if (!(answer instanceof ArrayBuffer)) {
        this.#digests.resolve(answer);
        return;
      }
      this.#free.push(answer);
      this.#freed.resolve();
    });
  }

  async buffer(): Promise<ArrayBuffer> {
    for (;;) {
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#made < BUFFERS) {
        this.#made++;
        return new ArrayBuffer(BLOCK_BYTES);
      }
      this.#freed = Promise.withResolvers();
      await Promise.race([this.#freed.promise, this.#failed.promise]);
    }
  }

  give(bytes: Uint8Array<ArrayBuffer>): void {
    this.#worker.postMessage(bytes, [bytes.buffer]);
  }

  async digests(): Promise<SnapshotDigests> {
    this.#worker.postMessage(undefined);
    return Promise.race([this.#digests.promise, this.#failed.promise]);
  }

  async close(): Promise<void> {
    const ended = once(this.#worker, "exit");
    await this.#worker.terminate();
    await ended;
  }
}
