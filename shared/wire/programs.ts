import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadedConfig } from "../config/load.ts";
import type { BundleArchitecture, BundlePrograms } from "../host/bundle-programs.ts";
import type { ProgramFinder } from "../host/program-finder.ts";
import { InstalledPrograms, requireToolsFolder } from "../host/programs/installed-programs.ts";
import type { Surroundings } from "./ports.ts";

/** Finds helper programs, also where there is no configuration. Throws `config/invalid` for a `tools.dir` that cannot be one. */
export async function findPrograms(loaded: LoadedConfig | undefined, { clock, environment, debug }: Surroundings): Promise<ProgramFinder> {
  const toolsDir = await toolsFolder(loaded);
  const programs = new InstalledPrograms(
    {
      toolsDir,
      packageFolder: programsPackage(`tools-${PLATFORM}`),
      etcdFolder: programsPackage(`etcd-${PLATFORM}`),
      checkoutFolder: CHECKOUT,
      path: environment["PATH"],
    },
    clock,
  );
  return debug === undefined ? programs : (await import("./debug/programs.ts")).tracePrograms(programs, debug, clock);
}

/** Finds the programs that go into restore bundles. Throws `config/invalid` for a `tools.dir` that cannot be one. */
export async function findBundlePrograms(
  loaded: LoadedConfig | undefined,
  { clock, environment, debug }: Surroundings,
): Promise<BundlePrograms> {
  const toolsDir = await toolsFolder(loaded);
  const { InstalledBundlePrograms } = await import("../host/programs/installed-bundle-programs.ts");
  const packageFolder = (architecture: BundleArchitecture): string | undefined =>
    programsPackage(`tools-linux-${architecture === "amd64" ? "x64" : architecture}`);
  const programs = new InstalledBundlePrograms({ toolsDir, packageFolder, checkoutFolder: CHECKOUT, path: environment["PATH"] }, clock);
  return debug === undefined ? programs : (await import("./debug/programs.ts")).traceBundlePrograms(programs, debug, clock);
}

const PLATFORM = `${process.platform}-${process.arch}`;

/** From the bundle in dist/cli/ too; an installed package has no such folder. */
const CHECKOUT = fileURLToPath(new URL("../../tools/bin", import.meta.url));

async function toolsFolder(loaded: LoadedConfig | undefined): Promise<string | undefined> {
  const dir = loaded?.config.tools.dir;
  if (loaded === undefined || dir === undefined) return undefined;
  const folder = resolve(loaded.directory, dir);
  await requireToolsFolder(folder, `tools.dir in ${loaded.file}`);
  return folder;
}

/** Where npm put a package of programs for a system, if it did. */
function programsPackage(name: string): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`@etcd-lifeboat/${name}/package.json`);
    return join(dirname(manifest), "bin");
  } catch {
    return undefined;
  }
}
