import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Modules that take minutes to build and that `npm run test:exhaustive` alone needs. */
const EXHAUSTIVE = new Set(["kube-apiserver"]);

/** Whether a module's programs take minutes to build where nothing of them is cached, and not one at most. */
export function isLargeBuild(name) {
  return EXHAUSTIVE.has(name);
}

/** The folders of the Go modules under tools/go, each of which pins programs by its `tool` lines; with `exhaustive` those that only the exhaustive tests need, too. */
export async function moduleFolders(root, { exhaustive = false } = {}) {
  const base = join(root, "tools", "go");
  const entries = await readdir(base, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && (exhaustive || !EXHAUSTIVE.has(entry.name)))
    .map((entry) => join(base, entry.name))
    .toSorted();
}

/**
 * What a go.mod asks for: its `tool` packages, each with the version of the module that holds it; no version where that is the module itself, a program of ours.
 * The grammar is that of https://go.dev/ref/mod#go-mod-file, as far as `go get -tool` writes it.
 */
export function toolsOf(goMod) {
  const own = directives(goMod, "module")[0]?.words[0];
  const versions = new Map([[own, undefined]]);
  for (const { words } of directives(goMod, "require")) versions.set(words[0], words[1]);
  return directives(goMod, "tool").map(({ words: [path] }) => {
    const holders = [...versions.keys()].filter((module) => path === module || path.startsWith(`${module}/`));
    const holder = holders.toSorted((a, b) => a.length - b.length).at(-1);
    if (holder === undefined) throw new Error(`no require line for the tool ${path}`);
    return { path, version: versions.get(holder)?.replace(/^v/, "") };
  });
}

/** The program's name: the package's last element that is no major version, but etcd's server module makes `etcd`. */
export function programName(path) {
  if (path === "go.etcd.io/etcd/server/v3") return "etcd";
  return path.split("/").findLast((element) => !/^v\d+$/.test(element));
}

/** Servers are in a package of their own: only drills run them, and they would make the download two thirds larger. */
const SERVERS = new Set(["etcd"]);

/** Whether a program goes into the packages of this kind: `tools`, or `etcd` for the servers. Of those that set-up builds, some are for tests only. */
export function isPacked(module, path, kind = "tools") {
  const isOurs = ["age", "kube-decode", "unzstd"].includes(module) || module.startsWith("etcd-");
  return isOurs && SERVERS.has(programName(path)) === (kind === "etcd");
}

function directives(goMod, keyword) {
  const found = [];
  let inBlock = false;
  for (const raw of goMod.split("\n")) {
    const words = raw
      .replace(/\/\/.*$/, "")
      .trim()
      .split(/\s+/)
      .filter(Boolean);
    if (words.length === 0) continue;
    if (inBlock && words[0] === ")") inBlock = false;
    else if (inBlock) found.push({ words });
    else if (words[0] === keyword && words[1] === "(") inBlock = true;
    else if (words[0] === keyword) found.push({ words: words.slice(1) });
  }
  return found;
}
