import { access, constants, readFile, stat } from "node:fs/promises";
import { delimiter, join, parse } from "node:path";
import { moduleFolders } from "./modules.mjs";
import { run } from "./run.mjs";

const NODE_MAJOR = 20;

/** The Go on PATH: `version` as in "1.26.8", and whether it may fetch a newer toolchain by itself; undefined where there is none. */
export async function installedGo() {
  if (!(await isOnPath("go"))) return undefined;
  // At the file system's root no go.mod or go.work speaks for another version.
  const answer = await run("go", ["env", "-json", "GOVERSION", "GOTOOLCHAIN"], { cwd: parse(process.cwd()).root, env: process.env });
  const { GOVERSION, GOTOOLCHAIN } = JSON.parse(answer);
  // A released version is "go1.26.8"; distributions and experiments append words.
  const version = /^go(\d+\.\d+(?:\.\d+)?)/.exec(GOVERSION ?? "")?.[1] ?? "0.0";
  const mayFetch = isAtLeast(version, "1.21") && /(^|\+)(auto|path)$/.test(GOTOOLCHAIN ?? "");
  return { version, mayFetch };
}

/** One line for each thing that set-up needs and does not find: its name and how to get it. */
export async function missingPrerequisites(root, go) {
  if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR) {
    // The rest of set-up may not even run on it.
    return [
      `Node.js ${NODE_MAJOR} or later is missing (this is ${process.versions.node}): install it from nodejs.org or by your package manager`,
    ];
  }
  const missing = [];
  if (!(await isOnPath("npm"))) missing.push("npm is missing: it comes with Node.js from nodejs.org, or as your system's package npm");
  const needed = await neededGo(root);
  if (go === undefined) {
    missing.push(`go is missing: install Go ${needed} or later from go.dev/dl or by your package manager`);
  } else if (!isAtLeast(go.version, needed) && !go.mayFetch) {
    missing.push(
      `Go ${needed} or later is missing (go on PATH is ${go.version}): install it from go.dev/dl, or set GOTOOLCHAIN=auto with Go 1.21 or later`,
    );
  }
  if (!(await isOnPath("python3")))
    missing.push("python3 is missing: install Python 3 from python.org or as your system's package python3");
  if (!(await isOnPath("git"))) missing.push("git is missing: install it from git-scm.com or as your system's package git");
  return missing;
}

/** The highest version that a `go` line of our modules asks for. */
async function neededGo(root) {
  let needed = "0.0";
  for (const folder of await moduleFolders(root)) {
    const line = /^go (\S+)$/m.exec(await readFile(join(folder, "go.mod"), "utf8"))?.[1];
    if (line !== undefined && isAtLeast(line, needed)) needed = line;
  }
  return needed;
}

/** Whether version `have` is `needed` or later, number by number. */
export function isAtLeast(have, needed) {
  const [a, b] = [have.split(".").map(Number), needed.split(".").map(Number)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

async function isOnPath(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) return true;
    } catch {
      // Not in this folder.
    }
  }
  return false;
}
