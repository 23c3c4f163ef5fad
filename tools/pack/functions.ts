import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Plugin } from "esbuild";
import { BUNDLES } from "../../shared/contract/service.ts";
import { bundledLicences } from "./bundled-licences.ts";
import { copyNativePackages } from "./native-packages.ts";

/** `node tools/pack/functions.ts`: the bundles of a checkout. `npm run build` makes those of dist/. */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CACHE = join(ROOT, "tools/.cache");
const FUNCTIONS = ["backup", "verify", "check", "task"] as const;

/** CommonJS packages in an ES module miss these. */
const BANNER = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url); const __filename = import.meta.filename; const __dirname = import.meta.dirname;`;

/** etcd3 reads its .proto files beside its own code when it is loaded; in a bundle they lie in a folder of their own. */
const ETCD3_PROTO = "etcd3-proto";
const etcd3Proto: Plugin = {
  name: "etcd3-proto",
  setup(bundler) {
    bundler.onLoad({ filter: /etcd3[\\/]lib[\\/]connection-pool\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const contents = text.replace("`${__dirname}/../proto/rpc.proto`", `\`\${__dirname}/${ETCD3_PROTO}/rpc.proto\``);
      if (contents === text) throw new Error("etcd3 no longer reads its .proto files where it did: look at connection-pool.js");
      return { contents, loader: "js" };
    });
  },
};

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
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: { index: join(ROOT, `functions/${name}.ts`) },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // What a function does not need, such as etcd's client to verify, stays in a file that is not read.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    minifySyntax: true,
    minifyWhitespace: true,
    // Stacks and `constructor.name` are read by people.
    keepNames: true,
    legalComments: "none",
    banner: { js: BANNER },
    // Its native code is looked for at run time, by the architecture.
    external: ["@node-rs/crc32"],
    plugins: [etcd3Proto],
    logLevel: "warning",
  });
  await writeFile(join(folder, "THIRD-PARTY-LICENSES.txt"), await bundledLicences(ROOT, Object.keys(metafile.inputs)));
  await cp(join(ROOT, "node_modules/etcd3/proto"), join(folder, ETCD3_PROTO), { recursive: true });
  await copyNativePackages(ROOT, join(CACHE, "npm"), join(folder, "node_modules"));
}

if (import.meta.main) await bundleFunctions(join(ROOT, BUNDLES));
