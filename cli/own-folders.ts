import { statSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Environment } from "../shared/config/secrets.ts";

/**
 * Where lifeboat keeps what it remembers of stores: the unit's own folder under systemd (StateDirectory=), else `etcd-lifeboat` in the user's state folder
 * (https://specifications.freedesktop.org/basedir-spec/). Undefined where the user has no home.
 */
export function stateFolderIn(environment: Environment): string | undefined {
  // Several of a unit stand with colons between them.
  const [unit = ""] = (environment["STATE_DIRECTORY"] ?? "").split(":");
  if (isAbsolute(unit)) return unit;
  const state = environment["XDG_STATE_HOME"] ?? "";
  if (isAbsolute(state)) return join(state, "etcd-lifeboat");
  const home = environment["HOME"] ?? homeOf();
  return isAbsolute(home) ? join(home, ".local", "state", "etcd-lifeboat") : undefined;
}

interface CacheFolder {
  /** Somebody else's to make. */
  readonly base: string;
  /** What is below it is ours. */
  readonly below: readonly string[];
}

/** Where compiled code may be kept (see code-cache.ts): in the unit's own folder under systemd (CacheDirectory=), else in the user's cache folder. Undefined where the user has no home. */
export function cacheFolderIn(environment: Environment): CacheFolder | undefined {
  return cacheFolder(environment, { ofUnit: ["compiled"], ofUser: ["etcd-lifeboat"] });
}

/** Where it may be kept what audits read, likewise. */
export function auditFolderIn(environment: Environment): CacheFolder | undefined {
  return cacheFolder(environment, { ofUnit: ["audit"], ofUser: ["etcd-lifeboat", "audit"] });
}

function cacheFolder(
  environment: Environment,
  { ofUnit, ofUser }: { readonly ofUnit: readonly string[]; readonly ofUser: readonly string[] },
): CacheFolder | undefined {
  const [unit = ""] = (environment["CACHE_DIRECTORY"] ?? "").split(":");
  if (isAbsolute(unit)) return { base: unit, below: ofUnit };
  const cache = environment["XDG_CACHE_HOME"] ?? "";
  if (isAbsolute(cache)) return { base: cache, below: ofUser };
  const home = environment["HOME"] ?? homeOf();
  return isAbsolute(home) ? { base: home, below: [".cache", ...ofUser] } : undefined;
}

function homeOf(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}

/** Where lock files lie: XDG_RUNTIME_DIR where it is this user's, as that specification demands (`su` passes on another's), else a folder under the one for temporary files. */
export function runtimeFolderIn(environment: Environment): string {
  const folder = environment["XDG_RUNTIME_DIR"] ?? "";
  // Not userInfo's: it throws where the number has no name, as in many containers.
  const uid = process.getuid?.();
  const isOwn = isAbsolute(folder) && statSync(folder, { throwIfNoEntry: false })?.uid === uid;
  return isOwn ? folder : join(tmpdir(), `lifeboat-${uid ?? userInfo().username}`);
}
