import { cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLES, NODE_SCRIPTS } from "../../shared/contract/service.ts";
import { bundledLicences } from "./bundled-licences.ts";
import { bundlerOptions } from "./bundler.ts";
import { copyNativePackages } from "./native-packages.ts";

/** `node tools/pack/functions.ts`: the bundles of a checkout. `npm run build` makes those of dist/. */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CACHE = join(ROOT, "tools/.cache");
const FUNCTIONS = [
  "backup",
  "verify",
  "check",
  "audit",
  "keeper",
  "desk",
  "maintain",
  "drill-image",
  "drill-desk",
  "plan",
  "watch",
  "task",
] as const;

/** Writes a folder for each function into `folder`, as shared/contract/service.ts says. Built aside and put into place whole. */
export async function bundleFunctions(folder: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const aside = await mkdtemp(join(CACHE, "functions-"));
  try {
    const made = join(aside, "new");
    for (const name of FUNCTIONS) await bundle(name, join(made, name));
    await rename(folder, join(aside, "old")).catch(() => undefined);
    await mkdir(dirname(folder), { recursive: true });
    await rename(made, folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function bundle(name: (typeof FUNCTIONS)[number], folder: string): Promise<void> {
  const { metafile } = await build({
    ...bundlerOptions(ROOT),
    entryPoints: { index: join(ROOT, `functions/${name}.ts`) },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    target: "node24",
    minifySyntax: true,
    minifyWhitespace: true,
    // Stacks and `constructor.name` are read by people.
    keepNames: true,
  });
  await writeFile(join(folder, "THIRD-PARTY-LICENSES.txt"), await bundledLicences(ROOT, Object.keys(metafile.inputs)));
  await copyNativePackages(ROOT, join(CACHE, "npm"), join(folder, "node_modules"));
  // What nodes run is part of each bundle that it makes.
  if (name === "desk" || name === "drill-desk") await cp(join(ROOT, NODE_SCRIPTS), join(folder, NODE_SCRIPTS), { recursive: true });
}

if (import.meta.main) await bundleFunctions(join(ROOT, BUNDLES));
