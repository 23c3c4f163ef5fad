import { createHash } from "node:crypto";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isPacked } from "./modules.mjs";
import { describePrograms, goEnvironment } from "./programs.mjs";
import { run } from "./run.mjs";

const LICENCE_FILE = /^(licen[cs]e|copying|notice|patents)([.-].*)?$/i;

/** Whether tools/bin has the licences of the programs in it that go into packages and bundles. */
export async function licencesAreMade(root, go) {
  const { stampFile, stamp } = await describe(root, go);
  return (await readFile(stampFile, "utf8").catch(() => undefined)) === stamp;
}

/** Writes them into tools/bin. Where they cannot be had it says why and goes on: a bundle then names the licences in place of carrying them. */
export async function makeLicences(root, go, say) {
  const { programs, stampFile, stamp } = await describe(root, go);
  try {
    await replace(join(root, "tools/bin/THIRD-PARTY-LICENSES.txt"), await licencesOf(programs, root));
    await replace(stampFile, stamp);
  } catch (error) {
    say(`the licences of the programs in tools/bin could not be gathered: ${error.message}`);
  }
}

async function describe(root, go) {
  const modules = (await describePrograms(root, go)).map(({ folder, stamp, programs }) => ({
    stamp,
    files: programs.filter(({ path }) => isPacked(basename(folder), path)).map(({ file }) => file),
  }));
  const packed = modules.filter(({ files }) => files.length > 0);
  return {
    programs: packed.flatMap(({ files }) => files),
    stampFile: join(root, "tools/bin/.stamps/licences"),
    stamp: createHash("sha256")
      .update(packed.map(({ stamp }) => stamp).join("\n"))
      .digest("hex"),
  };
}

async function replace(path, content) {
  await writeFile(`${path}.${process.pid}`, content);
  await rename(`${path}.${process.pid}`, path);
}

/** The licences of everything that is linked into Go programs, each text once with the modules that it is for. */
export async function licencesOf(programs, root) {
  const go = (...args) => run("go", args, { cwd: join(root, "tools/go/age"), env: goEnvironment(process.env) });
  // Lines of `go version -m`: "mod" is the program's own module, "dep" one that is linked in.
  const facts = await go("version", "-m", ...programs);
  const modules = new Set(Array.from(facts.matchAll(/^\t(?:mod|dep)\t(\S+)\t(v\S+)/gm), ([, path, version]) => `${path}@${version}`));
  if (modules.size === 0 || /^\t=>/m.test(facts)) throw new Error("the programs do not say which modules are in them");
  const folders = (await go("mod", "download", "-json", ...modules)).split(/^(?=\{)/m).map((json) => JSON.parse(json));
  const sources = folders.map(({ Path, Version, Dir }) => ({ name: `${Path} ${Version}`, folder: Dir }));
  sources.push({ name: "the Go standard library", folder: (await go("env", "GOROOT")).trim() }, { name: "etcd-lifeboat", folder: root });

  const names = new Map();
  for (const { name, folder } of sources) {
    const files = (await readdir(folder)).filter((file) => LICENCE_FILE.test(file));
    if (files.length === 0) throw new Error(`${name} has no licence file`);
    for (const file of files.toSorted()) {
      const text = (await readFile(join(folder, file), "utf8")).trim();
      names.set(text, [...(names.get(text) ?? []), name]);
    }
  }
  const line = "=".repeat(100);
  return Array.from(names, ([text, users]) => `${line}\n${users.toSorted().join("\n")}\n${line}\n\n${text}\n`)
    .toSorted()
    .join("\n");
}
