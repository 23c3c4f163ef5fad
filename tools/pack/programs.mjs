// `npm run pack:programs -- linux-arm64`: the programs that the desk puts into bundles for nodes of that platform (by default this machine's), as a folder in tools/.cache/programs, from where `npm run synth` makes a layer of them.
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stopOnSignals } from "../setup/run.mjs";
import { layOutPlatform, PLATFORMS } from "./platform-package.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const say = (line) => process.stderr.write(`pack: ${line}\n`);

/** Made aside and put into place whole. */
export async function packPrograms(platform) {
  if (!Object.hasOwn(PLATFORMS, platform)) throw new Error(`${platform} is no platform; there are ${Object.keys(PLATFORMS).join(", ")}`);
  const folder = join(root, "tools/.cache/programs", platform);
  await mkdir(join(folder, ".."), { recursive: true });
  const aside = await mkdtemp(join(root, "tools/.cache/programs-"));
  try {
    await layOutPlatform(root, platform, join(aside, "new"), say);
    await rename(folder, join(aside, "old")).catch(() => undefined);
    await rename(join(aside, "new"), folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return folder;
}

if (import.meta.main) {
  stopOnSignals();
  try {
    for (const platform of process.argv.length > 2 ? process.argv.slice(2) : [`linux-${process.arch}`])
      process.stdout.write(`${await packPrograms(platform)}\n`);
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
