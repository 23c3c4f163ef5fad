import { createHash } from "node:crypto";
import { access, readFile, rename, writeFile } from "node:fs/promises";
import { delimiter, join, sep } from "node:path";
import { run } from "./run.mjs";

/** Whether node_modules holds what package.json and package-lock.json ask for, and the Node.js that runs our TypeScript. */
export async function packagesAreInstalled(root) {
  const modules = join(root, "node_modules");
  const [manifest, lock] = await Promise.all(["package.json", "package-lock.json"].map((name) => readFile(join(root, name), "utf8")));
  try {
    await access(join(modules, ".bin", "node"));
    if ((await readFile(join(modules, ".lifeboat-stamp"), "utf8")) === stampOf(manifest, lock)) return true;
  } catch {
    // No stamp, or no Node: npm's own record says whether somebody ran npm by hand.
  }
  try {
    await access(join(modules, ".bin", "node"));
    const installed = JSON.parse(await readFile(join(modules, ".package-lock.json"), "utf8"));
    if (!isSameTree(JSON.parse(manifest), JSON.parse(lock), installed)) return false;
    await writeStamp(root);
    return true;
  } catch {
    return false;
  }
}

/** `npm ci`, whose first act removes node_modules and the stamp in it. */
export async function installPackages(root, say) {
  say("installing npm packages (npm ci)");
  const start = Date.now();
  const flags = ["--include=dev", "--ignore-scripts=false", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["ci", ...flags], { cwd: root, env: npmEnvironment(process.env) });
  await access(join(root, "node_modules", ".bin", "node")).catch(() => {
    throw new Error("npm ci installed no node_modules/.bin/node: its install script did not run, see `npm config get ignore-scripts`");
  });
  await writeStamp(root);
  say(`installed npm packages in ${Math.round((Date.now() - start) / 1000)} s`);
}

async function writeStamp(root) {
  const [manifest, lock] = await Promise.all(["package.json", "package-lock.json"].map((name) => readFile(join(root, name), "utf8")));
  const file = join(root, "node_modules", ".lifeboat-stamp");
  await writeFile(`${file}.${process.pid}`, stampOf(manifest, lock));
  await rename(`${file}.${process.pid}`, file);
}

function stampOf(manifest, lock) {
  return createHash("sha256")
    .update(JSON.stringify([manifest, lock]))
    .digest("hex");
}

/**
 * Whether `installed` (npm's node_modules/.package-lock.json) is what `lock` (package-lock.json, version 3) makes of `manifest`
 * (package.json). Optional packages may be left out: they are those of other systems.
 */
export function isSameTree(manifest, lock, installed) {
  const { "": top, ...wanted } = lock.packages;
  const fields = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
  if (fields.some((field) => canonical(manifest[field]) !== canonical(top[field]))) return false;
  if (Object.keys(installed.packages).some((path) => !(path in wanted))) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const there = installed.packages[path];
    return there === undefined ? optional === true : there.version === version && there.integrity === integrity;
  });
}

function canonical(dependencies = {}) {
  return JSON.stringify(Object.entries(dependencies).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The environment for an npm of our own, inside `npm run` or not: what a person configured stays, what the running npm set for its script
 * goes. node_modules/.bin goes too: `npm ci` removes the Node that lies there while it would be running on it.
 */
export function npmEnvironment(environment) {
  const dropped =
    /^npm_(package_|lifecycle_|command$|execpath$|node_execpath$)|^npm_config_(local_prefix|loglevel|dry_run|ignore_scripts|omit|include|only|production|global|location|workspaces?|include_workspace_root|json|yes|user_agent|npm_version)$/i;
  const kept = Object.entries(environment).filter(([name]) => !dropped.test(name) && name !== "NODE_ENV" && name !== "INIT_CWD");
  const folders = (environment.PATH ?? "").split(delimiter);
  const path = folders
    .filter((folder) => !folder.endsWith(join(sep, "node_modules", ".bin")) && !folder.endsWith("node-gyp-bin"))
    .join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path };
}
