import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { bundledLicences } from "./bundled-licences.ts";
import { bundlerOptions } from "./bundler.ts";

/** What stays in files of its own: main.ts refuses an old Node before any of the rest is parsed, and few commands need the adapters whose libraries are large. */
const APART = /\/(?:program\.ts|system-clock\.ts|s3\/|kms\/|aws\/|grpc\/)/;

/**
 * Every other `import()` of ours becomes a part of the same file that runs when it is asked for: to find, read and link a hundred files takes longer than to run what is in
 * them. `require` of an ES module is what esbuild has for that; nothing of it is left at run time.
 */
function lazyParts(text: string): string {
  return text.replace(/(?<!typeof )\bimport\(("\.[^"]*")\)/g, (whole, name: string) =>
    APART.test(name) ? whole : `Promise.resolve(require(${name}))`,
  );
}

/** Writes the command into `folder`: main.js and the files that it loads, with the licences of what is in them. */
export async function bundleCommand(root: string, folder: string): Promise<void> {
  const { metafile } = await build({
    ...bundlerOptions(root, lazyParts),
    // The thread of `lifeboat status` looks for its file beside the one that starts it.
    entryPoints: { main: join(root, "cli/main.ts"), "digest-worker": join(root, "shared/input/file/digest-worker.ts") },
    outdir: folder,
    // Of package.json's engines: `await using` is compiled down.
    target: "node22",
  });
  await chmod(join(folder, "main.js"), 0o755);
  await writeFile(join(folder, "THIRD-PARTY-LICENSES.txt"), await bundledLicences(root, Object.keys(metafile.inputs)));
}
