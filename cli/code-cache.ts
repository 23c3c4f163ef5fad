import { lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { cacheFolderIn } from "./own-folders.ts";
import type { Environment } from "../shared/config/secrets.ts";

/** V8's code cache of one part of the program. */
export interface CachedPart {
  readonly name: string;
  /** Of the part's source: V8 itself compares no more than the length. */
  readonly sourceCrc32: number;
  readonly data: Uint8Array;
}

export interface CachedCode {
  /** How many runs that ended well are in it. */
  readonly runs: number;
  readonly parts: readonly CachedPart[];
}

/** Code that another Node.js compiled is of no use. */
const MADE_BY = `etcd-lifeboat code cache 1, Node.js ${process.version} ${process.arch}`;

interface Header {
  readonly madeBy: string;
  readonly runs: number;
  /** In the order in which their data follows. */
  readonly parts: readonly { readonly name: string; readonly sourceCrc32: number; readonly bytes: number }[];
  /** Of all data: V8 checks none in what it takes. */
  readonly crc32: number;
}

/**
 * The file that holds the compiled code of `command`; undefined where there is no place for it. Whoever could write into it would run code as this user. So it is kept only where no other user
 * can write, and nowhere else: not in the folder for temporary files, and without a word where there is no such folder. Nothing of a cluster is in it.
 * NODE_DISABLE_COMPILE_CACHE turns it off, as it does Node's own.
 */
export function codeCacheFile(environment: Environment, command: string): string | undefined {
  if ((environment["NODE_DISABLE_COMPILE_CACHE"] ?? "") !== "") return undefined;
  const place = cacheFolderIn(environment);
  if (place === undefined) return undefined;
  try {
    const folder = ownFolder(place.base, place.below);
    return folder === undefined ? undefined : join(folder, `${command}.code`);
  } catch {
    // A disk that takes nothing, or a home that is not there: it only takes longer.
    return undefined;
  }
}

/** What `file` holds; nothing where it is not there, not whole, or of another Node.js. */
export function readCodeCache(file: string): CachedCode {
  const nothing = { runs: 0, parts: [] };
  try {
    const bytes = readFileSync(file);
    const end = bytes.indexOf("\n");
    const header = JSON.parse(bytes.toString("latin1", 0, end)) as Header;
    const data = bytes.subarray(end + 1);
    if (header.madeBy !== MADE_BY || header.crc32 !== crc32(data)) return nothing;
    let at = 0;
    const parts = header.parts.map(({ name, sourceCrc32, bytes: length }) => {
      at += length;
      return { name, sourceCrc32, data: data.subarray(at - length, at) };
    });
    return { runs: header.runs, parts };
  } catch {
    return nothing;
  }
}

/** Replaces `file` in one step. That it cannot be written is no reason for a word. */
export function writeCodeCache(file: string, { runs, parts }: CachedCode): void {
  const data = Buffer.concat(parts.map((each) => each.data));
  const header: Header = {
    madeBy: MADE_BY,
    runs,
    parts: parts.map((each) => ({ name: each.name, sourceCrc32: each.sourceCrc32, bytes: each.data.length })),
    crc32: crc32(data),
  };
  const aside = `${file}.${process.pid}`;
  try {
    writeFileSync(aside, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`, "latin1"), data]), { mode: 0o600, flag: "wx" });
    renameSync(aside, file);
  } catch {
    rmSync(aside, { force: true });
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
