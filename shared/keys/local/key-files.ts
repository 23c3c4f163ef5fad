import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError, messageOf } from "../../errors.ts";
import { errnoOf } from "../../folders.ts";
import { octal, problemWithOwner, problemWithWay } from "../../own-files.ts";
import type { Purpose } from "../key-ring.ts";

/** The files of a key folder. */

/** PKCS#8 PEM, 0600. */
export function privateKeyFile(purpose: Purpose): string {
  return `${purpose}.key`;
}

/** SubjectPublicKeyInfo PEM, 0644. */
export function publicKeyFile(purpose: Purpose): string {
  return `${purpose}.pub`;
}

/** An age identity file, 0600: the first identity is the present one, the others are older and still open what they wrapped. */
export const WRAPPING_IDENTITIES = "wrapping.key";
/** The age recipient of the present identity, 0644. */
export const WRAPPING_RECIPIENT = "wrapping.pub";

const SIGNS: Readonly<Record<Purpose, string>> = {
  snapshot: "the manifests of backups",
  audit: "verifications",
  bundle: "restore bundles",
};

/** What a file is for, as the end of a sentence. */
export function useOf(file: string): string {
  if (file === WRAPPING_IDENTITIES) return "opens the keys of snapshots";
  if (file === WRAPPING_RECIPIENT) return "encrypts the keys of snapshots";
  const [purpose = "", kind] = file.split(".");
  const signed = Object.entries(SIGNS).find(([name]) => name === purpose)?.[1] ?? purpose;
  return kind === "pub" ? `names the key that signs ${signed}` : `signs ${signed}`;
}

/** 64 KiB: far above any key file, so that a wrong path does not fill the memory. */
const MAX_KEY_FILE_BYTES = 64 * 1024;

/** The text of a public file, or undefined where it is not there. */
export async function readPublic(folder: string, file: string): Promise<string | undefined> {
  return read(folder, file, "public");
}

/** The text of a private file; `keys/missing` where it is not there, `keys/invalid` where others than its owner may read it. */
export async function readPrivate(folder: string, file: string): Promise<string> {
  const text = await read(folder, file, "private");
  if (text === undefined) throw missingFile(folder, file);
  return text;
}

export function missingFile(folder: string, file: string): LifeboatError {
  return new LifeboatError("keys/missing", `${file} not found in ${folder}: it ${useOf(file)}`, {
    hint: `copy ${file} to ${folder}, or run the command where that key is kept`,
  });
}

async function read(folder: string, file: string, kind: "public" | "private"): Promise<string | undefined> {
  const path = join(folder, file);
  try {
    // Without O_NONBLOCK a named pipe in the file's place would hang the open.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const problem = await problemWithWay(path);
      if (problem !== undefined) throw notOurs(path, problem);
      return await textOf(handle, path, kind);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    const errno = errnoOf(error);
    if (errno === "ENOENT") return undefined;
    if (errno === "EACCES" || errno === "EPERM") {
      throw new LifeboatError("keys/denied", `${path} may not be read by this user`, {
        hint: `run lifeboat as the user that owns the file, or give it to this one: chown USER ${path}`,
        cause: error,
      });
    }
    throw new LifeboatError("keys/failed", `cannot read ${path}: ${messageOf(error)}`, {
      hint: "check that keys.path in the configuration is the folder of the keys, and that its disk is there",
      cause: error,
    });
  }
}

/** A key that somebody else chose: with a recipient of theirs they could read every snapshot to come. */
function notOurs(path: string, problem: string): LifeboatError {
  return new LifeboatError("keys/invalid", `${path} ${problem}, so it is not used`, {
    hint: "check that it is the right key, then give it and its folder to this user or root (chown) and to nobody else to change (chmod go-w)",
  });
}

async function textOf(handle: FileHandle, path: string, kind: "public" | "private"): Promise<string> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new LifeboatError("keys/invalid", `${path} is not a file`);
  if (kind === "private" && (stats.mode & 0o077) !== 0) {
    const mode = octal(stats.mode & 0o777);
    throw new LifeboatError("keys/invalid", `${path} is a private key that users other than its owner can access (mode ${mode})`, {
      hint: `chmod 600 ${path}, and think about who may have read it`,
    });
  }
  const problem = problemWithOwner(stats);
  if (problem !== undefined) throw notOurs(path, problem);
  if (stats.size > MAX_KEY_FILE_BYTES) throw new LifeboatError("keys/invalid", `${path} is too large for a key file (${stats.size} bytes)`);
  return handle.readFile("utf8");
}
