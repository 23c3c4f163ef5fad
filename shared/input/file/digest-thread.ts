import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { SnapshotDigests } from "../../snapshot/trailer.ts";
import type { OpenFile } from "./read-blocks.ts";

/**
 * Hashes a file on a thread of its own, which reads it by itself: SHA-256 takes as long as all else that is done to a snapshot, and a second copy out
 * of the page cache costs less than handing memory from core to core (measured).
 */
export class DigestThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #digests = Promise.withResolvers<SnapshotDigests>();

  constructor(file: OpenFile) {
    // The worker lies beside this module, as TypeScript or as what was built of it.
    const module = new URL(`digest-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
    this.#worker = new Worker(module, { workerData: file });
    // Whoever waits hears of it; nobody may be waiting yet.
    this.#digests.promise.catch(() => undefined);
    this.#worker.once("message", (digests: SnapshotDigests) => this.#digests.resolve(digests));
    this.#worker.once("error", (error) => this.#digests.reject(error));
    this.#worker.once("exit", (code) => this.#digests.reject(new Error(`the thread that hashes ended with ${code}`)));
  }

  digests(): Promise<SnapshotDigests> {
    return this.#digests.promise;
  }

  /** Resolves when the thread has ended, so that the file can be closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
