import type { FolderFacts } from "../../store/store-inspector.ts";
import { bySeverity, type DoctorFinding } from "./finding.ts";

/** etcd's default quota: a snapshot of that size may come. */
const ROOM_BYTES = 2 * 1024 ** 3;
/** Less than any snapshot of a cluster in use. */
const FULL_BYTES = 16 * 1024 ** 2;

/** What is wrong with the folder of a directory store. */
export function judgeFolder(subject: string, { path, mode, isWritable, freeBytes, isInMemory }: FolderFacts): readonly DoctorFinding[] {
  const found: DoctorFinding[] = [];
  if (mode === undefined) {
    const message = `${path} is not there yet: the first backup makes it`;
    found.push({
      code: "folder-missing",
      severity: "info",
      subject,
      message,
      fix: "check that store.path is right, and that its disk is mounted",
    });
  }
  if (!isWritable) {
    const message = `${path} may not be written by this user: a backup would fail`;
    found.push({
      code: "folder-denied",
      severity: "problem",
      subject,
      message,
      fix: `chown it to the user that backs up, or mount it writable`,
    });
  }
  // With the setgid bit somebody shared it with a group on purpose.
  if (mode !== undefined && (mode & 0o2077) === 0o2070) {
    found.push({
      code: "folder-shared",
      severity: "info",
      subject,
      message: `${path} is shared with its group (mode ${mode.toString(8)}), so new files are readable by it`,
      fix: "check that only the users that back up and verify are in that group",
    });
  } else if (mode !== undefined && (mode & 0o077) !== 0) {
    const others = (mode & 0o022) === 0 ? "read it" : "remove and replace what is in it";
    found.push({
      code: "folder-open",
      severity: (mode & 0o022) === 0 ? "info" : "warning",
      subject,
      message: `users other than the owner of ${path} may ${others} (mode ${mode.toString(8).padStart(4, "0")})`,
      fix: `chmod 700 ${path}`,
    });
  }
  found.push(...judgeRoom(subject, path, freeBytes));
  if (isInMemory) {
    const message = `${path} is on a file system in memory: a restart of this machine removes every snapshot`;
    found.push({
      code: "disk-in-memory",
      severity: "warning",
      subject,
      message,
      fix: "set store.path to a folder on a disk, preferably of another machine",
    });
  }
  return bySeverity(found);
}

/** Whether a snapshot still fits on the disk of `path`. */
export function judgeRoom(subject: string, path: string, freeBytes: number): readonly DoctorFinding[] {
  if (freeBytes >= ROOM_BYTES) return [];
  return [
    {
      code: "disk-full",
      severity: freeBytes < FULL_BYTES ? "problem" : "warning",
      subject,
      message: `the disk of ${path} has ${Math.floor(freeBytes / 1024 ** 2)} MiB left`,
      fix: "free space on it, or move the store to a larger one",
    },
  ];
}
