import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { BUNDLES } from "../../shared/contract/service.ts";
import { bundleFunctions } from "../../tools/pack/functions.ts";

/** Global set-up of the integration tests: the bundles that a synthesis takes, made anew where something that goes into them is newer. */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SOURCES = ["functions", "shared", "tools/pack", "package-lock.json"];

export default async function setup(): Promise<void> {
  const folder = join(ROOT, BUNDLES);
  const made = await changed(folder);
  const newest = Math.max(...(await Promise.all(SOURCES.map(async (each) => newestIn(join(ROOT, each), folder)))));
  if (made === undefined || made < newest) await bundleFunctions(folder);
  await packOwnPrograms();
}

/** What the desk carries for nodes like this machine: anew where set-up built another program since. */
async function packOwnPrograms(): Promise<void> {
  const platform = `linux-${process.arch}`;
  const made = await changed(join(ROOT, "tools/.cache/programs", platform));
  if (made === undefined || made < (await newestIn(join(ROOT, "tools/bin/.stamps"), "")))
    await execa(process.execPath, ["tools/pack/programs.mjs", platform], { cwd: ROOT });
}

async function newestIn(path: string, apart: string): Promise<number> {
  if (path === apart) return 0;
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(entries.map(async ({ name }) => newestIn(join(path, name), apart)));
  return Math.max((await changed(path)) ?? 0, ...below);
}

async function changed(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
