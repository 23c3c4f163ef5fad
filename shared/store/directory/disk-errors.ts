import { getSystemErrorMap } from "node:util";
import { LifeboatError, messageOf, type ErrorCode } from "../../errors.ts";
import { errnoOf } from "../../folders.ts";

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "store/full",
  EDQUOT: "store/full",
  EFBIG: "store/full",
  EACCES: "store/denied",
  EPERM: "store/denied",
  EROFS: "store/denied",
};

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "free space on that disk or move the store to a larger one, then try again",
  EDQUOT: "raise the quota of the user that runs lifeboat or free space, then try again",
  EFBIG: "raise the file size limit (ulimit -f), or use a file system that takes larger files",
  EACCES: "give the user that runs lifeboat read and write permission in that folder",
  EPERM: "give the user that runs lifeboat read and write permission in that folder",
  EROFS: "mount the file system writable, or configure another path for the store",
  ENOTDIR: "a file is in the place of a folder: move it away, or configure another path for the store",
  EISDIR: "a folder is in the place of the object: move it away",
  ELOOP: "replace the symbolic link by what it points to: a store follows none below its own folder",
  EMFILE: "raise the limit of open files (ulimit -n)",
  ENFILE: "the machine has too many open files: stop what holds them",
  EIO: "check the disk and its cable or network: it failed to read or write",
};

/**
 * What the file system refused, as an error of the store: full, denied, or failed. An error that is none of the file
 * system's passes through. `doing` is the act and the key: "write clusters/prod/...".
 */
export function diskError(error: unknown, doing: string, location: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof LifeboatError || errno === undefined) return error;
  return new LifeboatError(CODES[errno] ?? "store/failed", `cannot ${doing} in ${location}: ${reason(error)} (${errno})`, {
    hint: HINTS[errno] ?? "check that the disk is there and mounted, then try again",
    cause: error,
  });
}

function reason(error: unknown): string {
  const errno = error instanceof Error && "errno" in error && typeof error.errno === "number" ? error.errno : undefined;
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? messageOf(error);
}

/** A symbolic link in the way of a key. */
export function linkError(path: string, location: string): LifeboatError {
  return new LifeboatError("store/failed", `${path} in ${location} is a symbolic link`, { hint: HINTS["ELOOP"] });
}
