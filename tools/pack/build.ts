import { mkdtemp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../../package.json" with { type: "json" };
import { BUNDLES } from "../../shared/contract/service.ts";
import { runProgram } from "../lab/run-program.ts";
import { bundleCommand } from "./command.ts";
import { bundleFunctions } from "./functions.ts";

/**
 * `npm run build`: the command as one bundle, infra/ and what it takes of shared/ as plain JavaScript with types, and the bundles of the functions, in dist/. Built
 * aside and put into place whole, so that a build that fails leaves the former one and none leaves files of what is no longer there.
 */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CACHE = join(ROOT, "tools/.cache");

await mkdir(CACHE, { recursive: true });
const aside = await mkdtemp(join(CACHE, "dist-"));
try {
  const dist = join(aside, "new");
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await runProgram(process.execPath, [tsc, "-p", join(ROOT, "tsconfig.build.json"), "--outDir", dist], { env: process.env, cwd: ROOT });
  await bundleCommand(ROOT, join(dist, "cli"));
  await bundleFunctions(join(dist, BUNDLES));
  // The compiler copies the whole manifest for shared/version.ts. Here it says no more than that reads, and that these are modules.
  const { name, version, type } = packageJson;
  await writeFile(join(dist, "package.json"), `${JSON.stringify({ name, version, type }, undefined, 2)}\n`);
  await rename(join(ROOT, "dist"), join(aside, "old")).catch(() => undefined);
  await rename(dist, join(ROOT, "dist"));
} finally {
  await rm(aside, { recursive: true, force: true });
}
