import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { lifeboat } from "../support/lifeboat.ts";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  // Loaded before anything of lifeboat's: sends the signal in the middle of the loading, which takes seconds on a busy machine.
  await writeFile(
    join(folder.path, "early.cjs"),
    `require("node:module").registerHooks({
      load(url, context, next) {
        if (url.endsWith("/cli/program.ts")) process.kill(process.pid, process.env.EARLY);
        return next(url, context);
      },
    });`,
  );
  await lifeboat(["init", "--cluster", "prod", "--endpoint", "http://127.0.0.1:1"], { cwd: folder.path });
});
afterAll(() => folder.remove());

// On a machine with load 12 the command's modules took 2 s to load, and a signal meanwhile ended it without its exit code.
test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s while the command still loads ends it with 130 and a word", async (signal) => {
  const env = { NODE_OPTIONS: `--require ${join(folder.path, "early.cjs")}`, EARLY: signal };
  const { code, stdout, stderr } = await lifeboat(["backup", "prod"], { cwd: folder.path, env });
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toContain(`interrupted by ${signal}`);
  const stored = await readdir(join(folder.path, "vault"), { recursive: true, withFileTypes: true });
  expect(stored.filter((each) => each.isFile()).map(({ name }) => name)).toEqual(["store.json"]);
});
