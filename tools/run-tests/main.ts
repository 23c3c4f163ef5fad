import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { skippedLine } from "./skipped-line.ts";

/**
 * `npm test`: runs vitest with the arguments given, and ends with one line that says what was skipped, for want of what, and the command that brings it. It stands
 * outside of vitest because reporters named on the command line replace those of the configuration, and because the line must be the last.
 */
const given = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "lifeboat-tests-"));
const [namesFile, countFile] = [join(folder, "names"), join(folder, "count")];

const reporters = [
  ...(given.some((each) => each.startsWith("--reporter")) ? [] : ["--reporter=default"]),
  `--reporter=${fileURLToPath(new URL("count-skipped.ts", import.meta.url))}`,
];
const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
const child = spawn(process.execPath, [vitest, "run", ...given, ...reporters], {
  stdio: "inherit",
  env: { ...process.env, LIFEBOAT_SKIPPED_NAMES: namesFile, LIFEBOAT_SKIPPED_COUNT: countFile },
});
// A terminal's Ctrl-C reaches the child as well, which stops its servers; this waits for it.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
const code = await new Promise<number>((resolve, reject) => {
  child.once("error", reject);
  child.once("close", (exitCode) => resolve(exitCode ?? 1));
});

const count = read(countFile);
const names = (read(namesFile) ?? "").split("\n").filter((line) => line !== "");
const line = skippedLine({ names, tests: count === undefined ? undefined : Number(count) });
rmSync(folder, { recursive: true, force: true });
if (line !== undefined) process.stdout.write(`${line}\n`);
process.exitCode = code;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
