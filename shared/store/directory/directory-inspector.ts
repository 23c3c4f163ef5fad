import { access, constants, open, readFile, stat, statfs, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Clock, RandomBytes } from "../../clock.ts";
import { errnoOf } from "../../folders.ts";
import { ALLOWED, DENIED, type Answer } from "../../unreadable.ts";
import type { Access, ClockReading, EncryptionKey, FolderFacts, StoreInspector } from "../store-inspector.ts";
import { diskError } from "./disk-errors.ts";
import { rootIsThere } from "./places.ts";

/** tmpfs and ramfs: statfs(2). */
const IN_MEMORY = new Set([0x01021994, 0x858458f6]);

/** Looks at the folder of a directory store, and at what this user may do there. */
export class DirectoryInspector implements StoreInspector {
  readonly location: string;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #random: RandomBytes;

  /** `random` names the file that the clock is read by. */
  constructor(root: string, clock: Clock, random: RandomBytes) {
    this.location = root;
    this.#root = root;
    this.#clock = clock;
    this.#random = random;
  }

  facts(): Promise<FolderFacts> {
    return this.#onDisk("look at the folder", async () => {
      const isThere = await rootIsThere(this.#root);
      const nearest = await nearestFolder(this.#root);
      const { type, bavail, bsize } = await statfs(nearest);
      return {
        kind: "folder",
        path: this.#root,
        mode: isThere ? (await stat(this.#root)).mode & 0o7777 : undefined,
        isWritable: await mayChange(nearest),
        freeBytes: bavail * bsize,
        isInMemory: IN_MEMORY.has(type),
      };
    });
  }

  encryptionKeys(): Promise<readonly EncryptionKey[]> {
    return Promise.resolve([]);
  }

  mayLock(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  mayList(): Promise<Answer> {
    return this.#onDisk("look at the folder", async () =>
      answer(await may(await nearestFolder(this.#root), constants.R_OK | constants.X_OK)),
    );
  }

  access(prefix: string): Promise<Access> {
    return this.#onDisk(`look at ${prefix}`, async () => {
      const folder = await nearestFolder(join(this.#root, prefix));
      const change = answer(await mayChange(folder));
      const mayRead = answer(await may(folder, constants.R_OK | constants.X_OK));
      // Whoever may write into a folder may remove what is in it, unless it has the sticky bit.
      const remove = change.is === "allowed" && !(await mayRemoveOthers(folder)) ? DENIED : change;
      return { read: mayRead, put: change, remove };
    });
  }

  /** By the time that the file system gives a new file, which is taken away again: on a network it is the server's. */
  clock(): Promise<ClockReading> {
    return this.#onDisk("make a file to read the time by", async () => {
      const path = join(await nearestFolder(this.#root), `.lifeboat-doctor-${Buffer.from(this.#random(8)).toString("hex")}`);
      const [sent, from] = [this.#clock.now().getTime(), this.#clock.monotonicMs()];
      const handle = await open(path, "wx", 0o600);
      try {
        await unlink(path);
        const { mtimeMs } = await handle.stat();
        const passedMs = this.#clock.monotonicMs() - from;
        // A kernel's file times go forward in ticks of up to 10 ms.
        return { skewMs: mtimeMs - (sent + passedMs / 2), uncertaintyMs: 10 + passedMs / 2 };
      } finally {
        await handle.close();
      }
    });
  }

  async #onDisk<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw diskError(error, doing, this.#root);
    }
  }
}

async function nearestFolder(path: string): Promise<string> {
  let nearest = resolve(path);
  for (;;) {
    try {
      if ((await stat(nearest)).isDirectory()) return nearest;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ENOTDIR") throw error;
    }
    nearest = dirname(nearest);
  }
}

const STICKY = 0o1000;
/** linux/capability.h: it passes over the sticky bit. */
const CAP_FOWNER = 1n << 3n;

async function mayRemoveOthers(folder: string): Promise<boolean> {
  const { mode, uid } = await stat(folder);
  const own = process.geteuid?.();
  if ((mode & STICKY) === 0 || own === uid || own === 0) return true;
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  return (BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`) & CAP_FOWNER) !== 0n;
}

function mayChange(folder: string): Promise<boolean> {
  return may(folder, constants.W_OK | constants.X_OK);
}

async function may(folder: string, mode: number): Promise<boolean> {
  try {
    await access(folder, mode);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EACCES" || errnoOf(error) === "EPERM" || errnoOf(error) === "EROFS") return false;
    throw error;
  }
}

function answer(isAllowed: boolean): Answer {
  return isAllowed ? ALLOWED : DENIED;
}
