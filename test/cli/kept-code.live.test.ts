import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readCodeCache } from "../../cli/code-cache.ts";
import { runProgram } from "../../tools/lab/run-program.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";

const CLI = join(import.meta.dirname, "../../cli");

test("what a command compiled is taken by the next start, also where it kept its memory steady by V8's flags", async () => {
  await using folder = await temporaryFolder();
  const home = join(folder.path, "home");
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(folder.path, "start.js"), "exports.sum = function (a, b) { return a + b; };");
  const script = `
    const { Parts } = await import(${JSON.stringify(join(CLI, "parts.ts"))});
    const { keepMemorySteady } = await import(${JSON.stringify(join(CLI, "steady-memory.ts"))});
    const parts = new Parts(${JSON.stringify(folder.path)}, { HOME: ${JSON.stringify(home)} }, ["ls"]);
    keepMemorySteady();
    if (parts.load("start.js").sum(1, 2) !== 3) throw new Error("wrong");
    parts.keep(true);
  `;
  await writeFile(join(folder.path, "command.mjs"), script);
  for (const runs of [1, 2]) {
    await runProgram(process.execPath, [join(folder.path, "command.mjs")], { env: {} });
    // A run whose code was refused counts from the start.
    expect(readCodeCache(join(home, ".cache", "etcd-lifeboat", "ls.code")).runs).toBe(runs);
  }
});
