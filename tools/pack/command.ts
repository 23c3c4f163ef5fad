import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, transform } from "esbuild";
import type { BuildOptions, TransformOptions } from "esbuild";
import { bundledLicences } from "./bundled-licences.ts";
import { bundlerOptions } from "./bundler.ts";

/** What stays in files of its own: start.ts hears signals before any of the rest is parsed, and few commands need the adapters whose libraries are large. */
const APART = /\/(?:program\.ts|s3\/|kms\/|aws\/|grpc\/|log-in\.ts)/;

/** Of package.json's engines: `await using` is compiled down. */
const TARGET = "node22";

/**
 * Every other `import()` of ours becomes a part of the same file that runs when it is asked for: to find, read and link a hundred files takes longer than to run what is in
 * them. `require` of an ES module is what esbuild has for that; nothing of it is left at run time.
 */
function lazyParts(text: string): string {
  return text.replace(/(?<!typeof )\bimport\(("\.[^"]*")\)/g, (whole, name: string) =>
    APART.test(name) ? whole : `Promise.resolve(require(${name}))`,
  );
}

/** CommonJS, which Node starts sooner than ES modules, and which cli/parts.ts can load. esbuild has `import.meta` for ES modules only. */
const COMMONJS: TransformOptions = {
  format: "cjs",
  platform: "node",
  target: TARGET,
  legalComments: "none",
  define: { "import.meta.url": "__url" },
  // Becomes `require`.
  supported: { "dynamic-import": false },
};

/** For the files that Node loads itself: what cli/parts.ts gives to the others. */
const URL_OF_FILE = `const __url = require("node:url").pathToFileURL(__filename).href;`;

/** Writes the command into `folder`: main.js and the files that it loads, with the licences of what is in them. */
export async function bundleCommand(root: string, folder: string): Promise<void> {
  const options: BuildOptions & { readonly metafile: true } = {
    ...bundlerOptions(root, lazyParts),
    absWorkingDir: root,
    // CommonJS has what these stand in for.
    banner: {},
    target: TARGET,
    outdir: folder,
  };
  // The thread of `lifeboat status` looks for its file beside the one that starts it.
  const alone = { main: join(root, "cli/main.ts"), "digest-worker": join(root, "shared/input/file/digest-worker.ts") };
  const { metafile } = await build({
    ...options,
    ...COMMONJS,
    splitting: false,
    entryPoints: alone,
    external: ["./start.ts"],
    banner: { js: URL_OF_FILE },
  } as BuildOptions & { readonly metafile: true });
  const parts = await build({ ...options, entryPoints: { start: join(root, "cli/start.ts") }, write: false });
  await mkdir(folder, { recursive: true });
  for (const { path, text } of parts.outputFiles) await writeFile(path, (await transform(text, COMMONJS)).code);
  await chmod(join(folder, "main.js"), 0o755);
  await writeFile(join(folder, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  const inputs = [...Object.keys(metafile.inputs), ...Object.keys(parts.metafile.inputs)];
  await writeFile(join(folder, "THIRD-PARTY-LICENSES.txt"), await bundledLicences(root, inputs));
}
