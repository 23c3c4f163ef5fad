import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { goEnvironment } from "../setup/programs.mjs";
import { run } from "../setup/run.mjs";

const LICENCE_FILE = /^(licen[cs]e|copying|notice|patents)([.-].*)?$/i;

/** The licences of everything that is linked into Go programs, each text once with the modules that it is for. */
export async function licencesOf(programs, root) {
  const go = (...args) => run("go", args, { cwd: join(root, "tools/go/age"), env: goEnvironment(process.env) });
  // Lines of `go version -m`: "mod" is the program's own module, "dep" one that is linked in.
  const facts = await go("version", "-m", ...programs);
  const modules = new Set(Array.from(facts.matchAll(/^\t(?:mod|dep)\t(\S+)\t(v\S+)/gm), ([, path, version]) => `${path}@${version}`));
  if (modules.size === 0 || /^\t=>/m.test(facts)) throw new Error("the programs do not say which modules are in them");
  const folders = (await go("mod", "download", "-json", ...modules)).split(/^(?=\{)/m).map((json) => JSON.parse(json));
  const sources = folders.map(({ Path, Version, Dir }) => ({ name: `${Path} ${Version}`, folder: Dir }));
  sources.push({ name: "the Go standard library", folder: (await go("env", "GOROOT")).trim() });

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
