import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { cacheFolderIn } from "./own-folders.ts";
import type { Environment } from "../shared/config/secrets.ts";

/**
 * Lets Node keep the code that it compiled, and take it the next time: https://nodejs.org/api/module.html#module-compile-cache. Whoever could write into that folder would run code as this
 * user. So it is kept only where no other user can, and nowhere else: not in the folder for temporary files, which Node would take, and without a word where there is no such
 * folder. Nothing of a cluster is in it.
 */
export function keepCompiledCode(environment: Environment): void {
  const place = cacheFolderIn(environment);
  if (place === undefined) return;
  try {
    const folder = ownFolder(place.base, place.below);
    // A setting of the person's own (NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE) comes before ours: Node sees to that.
    if (folder !== undefined) module.enableCompileCache(folder);
  } catch {
    // A disk that takes nothing, or a home that is not there: it only takes longer.
  }
}

/** The folder `below` a `base` that is there, made where it is missing; undefined where another user can put something into it. Throws what the file system says. */
export function ownFolder(base: string, below: readonly string[]): string | undefined {
  const uid = process.geteuid?.();
  if (uid === undefined) return undefined;
  let folder = realpathSync(base);
  // By its real path: a link on the way would be another way in.
  for (let at = folder; ; at = dirname(at)) {
    if (!isSafe(at, uid)) return undefined;
    if (at === dirname(at)) break;
  }
  // Another's home, as under sudo, is nowhere to make folders in.
  if (lstatSync(folder).uid !== uid) return undefined;
  for (const name of below) {
    folder = join(folder, name);
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) mkdirSync(folder, { mode: 0o700 });
    if (!isSafe(folder, uid)) return undefined;
  }
  const { uid: owner, mode } = lstatSync(folder);
  return owner === uid && (mode & 0o077) === 0 ? folder : undefined;
}

/** Whether it is a folder whose entries only this user, root and their own owners can replace: with the sticky bit others may add theirs. */
function isSafe(folder: string, uid: number): boolean {
  const stats = lstatSync(folder);
  return stats.isDirectory() && (stats.uid === uid || stats.uid === 0) && ((stats.mode & 0o022) === 0 || (stats.mode & 0o1000) !== 0);
}
