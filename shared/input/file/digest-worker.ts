import { parentPort, workerData } from "node:worker_threads";
import { SnapshotHasher } from "../../snapshot/trailer.ts";
import { readBlocks } from "./read-blocks.ts";
import type { OpenFile } from "./read-blocks.ts";

/** The other end of digest-thread.ts: hashes one open file, and answers with its digests. */

// What is there was put there by digest-thread.ts: the two are one program.
const file = workerData as OpenFile;
const hasher = new SnapshotHasher();
for (const block of readBlocks(file)) hasher.update(block);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
parentPort?.postMessage(hasher.finish());
