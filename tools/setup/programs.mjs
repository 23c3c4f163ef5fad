import { createHash } from "node:crypto";
import { access, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isLargeBuild, moduleFolders, programName, toolsOf } from "./modules.mjs";
import { run } from "./run.mjs";

export const FLAGS = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"];

/** The modules whose programs under tools/bin are not there, or not of what makes them: go.mod, go.sum, sources of ours, the Go version and our flags. */
export async function missingPrograms(root, go, wanted) {
  const missing = [];
  for (const module of await describePrograms(root, go, wanted)) if (!(await isBuilt(module))) missing.push(module);
  return missing;
}

/** Each module: its programs with their files under tools/bin, and the stamp of what makes them. `wanted`: see moduleFolders. */
export async function describePrograms(root, go, wanted) {
  return Promise.all((await moduleFolders(root, wanted)).map((folder) => describe(root, folder, go)));
}

async function describe(root, folder, go) {
  const name = basename(folder);
  const goMod = await readFile(join(folder, "go.mod"), "utf8");
  const goSum = await readFile(join(folder, "go.sum"), "utf8");
  const sources = await sourcesIn(folder);
  const tools = toolsOf(goMod);
  const bin = join(root, "tools", "bin");
  // Versions of one program lie side by side in folders of their own; a single version needs none.
  const target = name.startsWith("etcd-") ? join(bin, name) : bin;
  return {
    folder,
    isLarge: isLargeBuild(name),
    label: [name.replace(/-[\d.]+$/, ""), tools[0].version].filter(Boolean).join(" "),
    programs: tools.map(({ path }) => ({ path, file: join(target, programName(path)) })),
    target,
    stampFile: join(bin, ".stamps", name),
    stamp: createHash("sha256")
      .update(JSON.stringify([goMod, goSum, go.version, process.platform, process.arch, FLAGS, ...sources]))
      .digest("hex"),
  };
}

/** The text of our own sources: most modules have none, and only pin what others wrote. */
async function sourcesIn(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".go")).toSorted();
  return Promise.all(names.map(async (name) => `${name}\n${await readFile(join(folder, name), "utf8")}`));
}

async function isBuilt({ programs, stamp, stampFile }) {
  try {
    if ((await readFile(stampFile, "utf8")) !== stamp) return false;
    await Promise.all(programs.map(({ file }) => access(file)));
    return true;
  } catch {
    return false;
  }
}

/** Builds all programs of a module aside, then renames them into place; the stamp goes first and comes last, so that a killed set-up is seen. */
export async function buildPrograms(root, { folder, label, isLarge, programs, target, stamp, stampFile }, go, say) {
  const cache = join(root, "tools", ".cache");
  await sweep(cache);
  const aside = join(cache, `build-${process.pid}`);
  await mkdir(aside, { recursive: true });
  const names = programs.map(({ file }) => basename(file));
  say(`building ${label} (${names.join(", ")}) from source, ${isLarge ? "some minutes" : "a minute or so"} the first time`);
  const start = Date.now();
  try {
    for (const { path, file } of programs) {
      await run("go", ["build", ...FLAGS, "-o", join(aside, basename(file)), path], { cwd: folder, env: goEnvironment(process.env) });
    }
    await Promise.all([mkdir(target, { recursive: true }), mkdir(join(stampFile, ".."), { recursive: true })]);
    await rm(stampFile, { force: true });
    for (const { file } of programs) await rename(join(aside, basename(file)), file);
    await writeFile(`${stampFile}.${process.pid}`, stamp);
    await rename(`${stampFile}.${process.pid}`, stampFile);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  say(`built ${label} in ${Math.round((Date.now() - start) / 1000)} s`);
}

/** The caller's environment without what would build for another system or from other sources. */
export function goEnvironment(environment) {
  const kept = Object.entries(environment).filter(([name]) => !["GOOS", "GOARCH", "GOBIN"].includes(name));
  return { ...Object.fromEntries(kept), CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "" };
}

/** Removes what killed set-ups left; the caller holds the lock, so nobody builds there now. */
async function sweep(cache) {
  const entries = await readdir(cache).catch(() => []);
  for (const entry of entries.filter((name) => name.startsWith("build-"))) await rm(join(cache, entry), { recursive: true, force: true });
}
