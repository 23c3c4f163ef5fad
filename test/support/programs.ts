import { accessSync, appendFileSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const TOOLS = fileURLToPath(new URL("../../tools/bin/", import.meta.url));

/** The path of a program: the one that `npm run setup` built, else the first on PATH, else undefined. */
export function program(name: string): string | undefined {
  const folders = [TOOLS, ...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** The path of a program that a test called `needs` for. */
export function requireProgram(name: string): string {
  const path = program(name);
  if (path === undefined) throw new Error(`${name} is neither in tools/bin nor on PATH`);
  return path;
}

/** For `test.skipIf(needs("zstd"))`: whether one of the programs is missing. See `skipWithout`. */
export function needs(...names: readonly string[]): boolean {
  return names.map((name) => skipWithout(name, program(name) !== undefined)).includes(true);
}

/**
 * Whether a test must be skipped because `name` is not there; says so on stderr, and to tools/run-tests for the last line of the run. In CI a skip that nobody expected is a failure: there it throws, unless
 * `name` is in LIFEBOAT_MAY_SKIP (comma-separated).
 */
export function skipWithout(name: string, isThere: boolean): boolean {
  if (isThere) return false;
  const allowed = (process.env["LIFEBOAT_MAY_SKIP"] ?? "").split(",").map((each) => each.trim());
  const inCi = (process.env["CI"] ?? "") !== "" && process.env["CI"] !== "false";
  if (inCi && !allowed.includes(name))
    throw new Error(`this test needs ${name}, which is not here: install it, or add it to LIFEBOAT_MAY_SKIP`);
  process.stderr.write(`skipped: ${name} is not here\n`);
  const names = process.env["LIFEBOAT_SKIPPED_NAMES"] ?? "";
  if (names !== "") appendFileSync(names, `${name}\n`);
  return true;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
