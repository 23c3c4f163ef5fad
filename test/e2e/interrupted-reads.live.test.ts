import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { LifeboatError } from "../../shared/errors.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { lifeboatHere } from "../support/lifeboat-here.ts";

// A store that took connections and did not answer was waited for, for up to four minutes, by every command that only reads; the first Ctrl-C was not heard.

let folder: TemporaryFolder;
/** Takes connections and says nothing. */
let silent: Server;
beforeAll(async () => {
  // The SDK reads them from the process.
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, "nobody");
  folder = await temporaryFolder();
  silent = createServer((socket) => void socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  await lifeboatHere(["init", "--cluster", "prod", "--endpoint", "http://127.0.0.1:1"], { cwd: folder.path });
  const file = join(folder.path, "lifeboat.yaml");
  const s3 = `kind: s3\n  bucket: vault\n  region: us-east-1\n  endpoint: http://127.0.0.1:${port}\n  pathStyle: true\n`;
  const replica = "replicas:\n  - { name: shelf, store: { kind: directory, path: shelf } }\n";
  await writeFile(file, `${(await readFile(file, "utf8")).replace("kind: directory\n  path: ./vault\n", s3)}${replica}`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  silent.close();
  await folder.remove();
});

test.each([
  "ls",
  "ls prod",
  "show prod/latest",
  "status prod/latest",
  "verify prod/latest",
  "verify prod/latest --deep",
  "copy prod/latest --to shelf",
  "export prod/latest --out out.db",
  "export prod/good --out out.db",
  "custody prod",
  "custody prod --verify",
  "find prod/latest",
  "get prod/latest app/config",
  "get prod/good --all -n shop --out shop",
  "diff prod/latest prod/good",
  "diff prod/latest prod/good --object app/config",
  "impact prod/latest",
  "rewrap",
  "rewrap prod --dry-run",
  "orphans",
  "orphans prod --sweep",
])(
  "lifeboat %s hears Ctrl-C while the store does not answer",
  async (line) => {
    const stop = new AbortController();
    const interrupt = (): void => stop.abort(new LifeboatError("interrupted", "interrupted by SIGINT"));
    silent.once("connection", interrupt);
    const { code, stdout, stderr } = await lifeboatHere(line.split(" "), { cwd: folder.path, signal: stop.signal });
    silent.off("connection", interrupt);
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: "", stderr: "lifeboat: interrupted by SIGINT\n" });
  },
  10_000,
);
