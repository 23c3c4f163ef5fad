import { parentPort } from "node:worker_threads";
import { SnapshotHasher } from "../../snapshot/trailer.ts";

/** The other end of digest-lane.ts: hashes what it is sent and sends the memory back; at undefined it answers with the digests. */

const port = parentPort;
if (port === null) throw new Error("this module is a worker's");
const hasher = new SnapshotHasher();
// What arrives is what DigestLane sends: the two are one program.
port.on("message", (bytes: Uint8Array<ArrayBuffer> | undefined) => {
  if (bytes === undefined) {
    port.postMessage(hasher.finish());
    return;
  }
  hasher.update(bytes);
  port.postMessage(bytes.buffer, [bytes.buffer]);
});
