import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../setup/run.mjs";
import { npmPack } from "./npm-pack.mjs";

/**
 * Packs what `npm pack` packs; what only a checkout needs goes from its manifest. It names no package of programs: until a name in a registry is ours,
 * npm would ask there for one that anybody may take. `private` stays for the same reason.
 */
export async function packMain(root, work, out) {
  // Not left to prepack: npm would print what it does among its answer.
  await run(process.execPath, [join(root, "tools/pack/build.ts")], { cwd: root, env: process.env });
  const { tarball } = await npmPack(root, work);
  await mkdir(join(work, "main"));
  await run("tar", ["-xzf", tarball, "-C", join(work, "main")], { cwd: work, env: process.env });
  const folder = join(work, "main", "package");
  const file = join(folder, "package.json");
  const manifest = releasedManifest(JSON.parse(await readFile(file, "utf8")));
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
  return npmPack(folder, out);
}

const CHECKOUT_ONLY = new Set(["scripts", "devDependencies", "allowScripts"]);

/** The manifest of a release from that of the checkout. */
function releasedManifest(manifest) {
  return Object.fromEntries(Object.entries(manifest).filter(([field]) => !CHECKOUT_ONLY.has(field)));
}
