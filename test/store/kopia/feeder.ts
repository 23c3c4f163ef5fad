import { writeSync } from "node:fs";
import { openKopia } from "../../../shared/store/kopia/program/open-kopia.ts";
import { PASSWORD } from "./program-under-test.ts";

/**
 * A process that writes a snapshot into the repository at PATH, and never ends it: to be killed. Prints "taken" when kopia has taken 6 MiB.
 *
 *   feeder.ts PROGRAM PATH TEMPORARY
 */
const [program = "", path = "", temporary = ""] = process.argv.slice(2);
const kopia = await openKopia({
  program,
  repository: { kind: "filesystem", path },
  password: PASSWORD,
  environment: process.env,
  temporary,
});
const upload = await kopia.snapshotCreate({ source: "/etcd/prod", file: "snapshot.db", tags: { cluster: "killed" } });
for (let index = 0; index < 8; index++) await upload.write({ bytes: Buffer.alloc(1024 * 1024, index), release: () => {} });
writeSync(1, "taken\n");
setInterval(() => {}, 1000);
