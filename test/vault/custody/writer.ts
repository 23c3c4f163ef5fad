import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { systemClock } from "../../../shared/system-clock.ts";
import { appendRecord } from "../../../shared/vault/custody/append.ts";
import { LocalKeyRing } from "../../../shared/keys/local/local-key-ring.ts";
import { DirectoryBlobStore } from "../../../shared/store/directory/directory-store.ts";

/**
 * A process of its own that appends to the log of the cluster `prod`: `writer.ts ROOT KEYS NAME COUNT`. It prints "ready", waits for a word on standard input, and then prints each receipt as a line of
 * JSON.
 */
const [root = "", keysFolder = "", name = "", count = "0"] = process.argv.slice(2);
const keys = new LocalKeyRing(keysFolder);
const { fingerprint } = await keys.publicKey("snapshot");
const ports = {
  blobs: new DirectoryBlobStore(root, (bytes) => randomBytes(bytes)),
  keys,
  trusted: { snapshot: [fingerprint], audit: [], bundle: [] },
  clock: systemClock,
  actor: () => Promise.resolve(name),
  configuration: () => ({}),
};
writeSync(1, "ready\n");
await once(process.stdin, "data");
process.stdin.destroy();
for (let turn = 0; turn < Number(count); turn += 1) {
  const receipt = await appendRecord(ports, "prod", "snapshot", { event: "failed", subjects: [], details: { reason: `${turn}` } });
  writeSync(1, `${JSON.stringify(receipt)}\n`);
}
