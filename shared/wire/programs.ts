import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadedConfig } from "../config/load.ts";
import type { ProgramFinder } from "../host/program-finder.ts";
import { InstalledPrograms, requireToolsFolder } from "../host/programs/installed-programs.ts";
import type { Surroundings } from "./ports.ts";

/** Finds helper programs, also where there is no configuration. Throws `config/invalid` for a `tools.dir` that cannot be one. */
export async function findPrograms(loaded: LoadedConfig | undefined, { clock, environment, debug }: Surroundings): Promise<ProgramFinder> {
  const dir = loaded?.config.tools.dir;
  const toolsDir = loaded === undefined || dir === undefined ? undefined : resolve(loaded.directory, dir);
  if (toolsDir !== undefined) await requireToolsFolder(toolsDir, `tools.dir in ${loaded?.file}`);
  // From the bundle in dist/cli/ too; an installed package has no such folder.
  const checkoutFolder = fileURLToPath(new URL("../../tools/bin", import.meta.url));
  const programs = new InstalledPrograms({ toolsDir, packageFolder: programsPackage(), checkoutFolder, path: environment["PATH"] }, clock);
  return debug === undefined ? programs : (await import("./debug/programs.ts")).tracePrograms(programs, debug, clock);
}

/** Where npm put the optional package for this system, if it did. */
function programsPackage(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`@etcd-lifeboat/tools-${process.platform}-${process.arch}/package.json`);
    return join(dirname(manifest), "bin");
  } catch {
    return undefined;
  }
}
