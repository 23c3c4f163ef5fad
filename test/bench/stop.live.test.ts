import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import { until } from "../../tools/lab/until.ts";

const BENCH = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

test("Ctrl-C while it fills its etcd ends it with 130, and leaves no file and no process", async () => {
  await using folder = await temporaryFolder();
  const bench = spawn(process.execPath, [BENCH, "--size", "1600"], {
    env: { PATH: process.env["PATH"], TMPDIR: folder.path },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  bench.stderr.on("data", (bytes: Buffer) => {
    told += bytes.toString();
  });
  const exited = once(bench, "exit");
  await until("the filling to begin", 60_000, () => told.includes("filling: "));
  const etcd = await processesOf(folder.path);
  expect(etcd).toHaveLength(1);
  bench.kill("SIGINT");
  expect(await exited).toEqual([130, null]);
  expect(told).toContain("bench: stopped by SIGINT; what the bench started ends with it");
  expect((await readdir(folder.path)).filter((name) => name.startsWith("lifeboat"))).toEqual([]);
  expect(await processesOf(folder.path)).toEqual([]);
});

/** Ids of processes whose command line names `path`; the bench itself has it in its environment only. */
async function processesOf(path: string): Promise<readonly string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return ids.filter((_, index) => lines[index]?.includes(path) === true);
}
