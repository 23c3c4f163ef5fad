import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../setup/run.mjs";
import { npmPack } from "./npm-pack.mjs";

/**
 * Packs what `npm pack` packs, its manifest completed for a release: `platforms` (as packPlatform gives them) become optional dependencies, and what
 * only a checkout needs goes, with it `private`, which keeps `npm publish` in a checkout from publishing a package without tools.
 */
export async function packMain(root, platforms, work, out) {
  // Not left to prepack: npm would print what it does among its answer.
  await run(process.execPath, [join(root, "tools/pack/build.ts")], { cwd: root, env: process.env });
  const { tarball } = await npmPack(root, work);
  await mkdir(join(work, "main"));
  await run("tar", ["-xzf", tarball, "-C", join(work, "main")], { cwd: work, env: process.env });
  const folder = join(work, "main", "package");
  const file = join(folder, "package.json");
  const manifest = completeManifest(JSON.parse(await readFile(file, "utf8")), platforms);
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
  return npmPack(folder, out);
}

const CHECKOUT_ONLY = new Set(["private", "scripts", "devDependencies", "allowScripts"]);

/** The manifest of a release from that of the checkout. */
function completeManifest(manifest, platforms) {
  const kept = Object.entries(manifest).filter(([field]) => !CHECKOUT_ONLY.has(field));
  const optionalDependencies = Object.fromEntries(platforms.map(({ name, version }) => [name, version]));
  return { ...Object.fromEntries(kept), optionalDependencies, publishConfig: { access: "public" } };
}
