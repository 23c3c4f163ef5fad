import { randomBytes } from "node:crypto";
import { link, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { pause } from "../../clock.ts";
import type { Clock } from "../../clock.ts";
import { isLifeboatError, LifeboatError, messageOf } from "../../errors.ts";
import { errnoOf, makeFolders } from "../../folders.ts";
import { problemWithPrivateFolder, readOwnFile } from "../../own-files.ts";
import { isAlive, ownMark } from "../../process-mark.ts";
import type { HostLock } from "../host-lock.ts";

const holderSchema = z.object({ pid: z.int().positive(), birth: z.string(), since: z.string() });
type Holder = z.infer<typeof holderSchema>;

/** 4 KiB: far above what a lock says. */
const MAX_LOCK_BYTES = 4096;

/** Soon enough for a person who waits, and next to nothing for the machine. */
const POLL_MS = 200;

/**
 * A lock file per name in one folder. The file appears by link(2), so it is never seen half written, and names its holder's process: a holder that
 * died is noticed at once, also after kill -9. (Three processes meeting a dead holder within microseconds could end with two holders;
 * the slot's conditional write still lets only one commit.)
 */
export class FileLock implements HostLock {
  readonly #folder: string;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  async acquire(name: string, options: Parameters<HostLock["acquire"]>[1]): Promise<() => Promise<void>> {
    const path = join(this.#folder, `${name}.lock`);
    const deadline = this.#clock.monotonicMs() + options.timeoutMs;
    let hasReported = false;
    for (;;) {
      if (options.signal?.aborted === true) throw interruption(path, options.signal.reason);
      const holder = await this.#tryTake(path);
      if (holder === undefined) return () => rm(path, { force: true });
      const described = `process ${holder.pid} since ${holder.since}`;
      if (!hasReported) options.onWait(described);
      hasReported = true;
      if (this.#clock.monotonicMs() >= deadline)
        throw new LifeboatError("busy", `${path} is held by ${described}`, { hint: `wait for process ${holder.pid}, or stop it` });
      await pause(this.#clock, POLL_MS, options.signal);
    }
  }

  /** Undefined where the lock was taken, else who holds it. */
  async #tryTake(path: string): Promise<Holder | undefined> {
    const mine: Holder = { ...(await ownMark()), since: this.#clock.now().toISOString() };
    const draft = `${path}.${randomBytes(6).toString("hex")}`;
    try {
      await makeFolders(this.#folder);
      const problem = await problemWithPrivateFolder(this.#folder);
      // Whoever may write there could hold every backup up for ever.
      if (problem !== undefined)
        throw new LifeboatError("busy", `the folder of locks ${this.#folder} ${problem}`, {
          hint: "remove it, or let XDG_RUNTIME_DIR name a folder of this user's alone (chmod 700)",
        });
      await writeFile(draft, JSON.stringify(mine), { mode: 0o600, flag: "wx" });
      for (;;) {
        if (await linked(draft, path)) return undefined;
        const holder = await readHolder(path);
        if (holder !== undefined && (await isAlive(holder))) return holder;
        await removeDead(path);
      }
    } catch (error) {
      if (error instanceof LifeboatError) throw error;
      throw new LifeboatError("busy", `cannot lock ${path}: ${messageOf(error)}`, {
        hint: "check that the folder for temporary files can be written to",
        cause: error,
      });
    } finally {
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }
}

function interruption(path: string, reason: unknown): LifeboatError {
  if (isLifeboatError(reason, "interrupted")) return reason;
  return new LifeboatError("interrupted", `waiting for ${path} was interrupted`, { cause: reason });
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Undefined where there is no holder any more, or the file is no lock. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const text = await readOwnFile(path, MAX_LOCK_BYTES);
    return text === undefined ? undefined : holderSchema.parse(JSON.parse(text));
  } catch (error) {
    // A link, a pipe or a folder holds no lock either.
    const isNone = errnoOf(error) === "ELOOP" || isLifeboatError(error, "input/unusable");
    if (isNone || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

/** Moved aside before it is deleted: what turns out to be a live holder's, who came in between, is put back. */
async function removeDead(path: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  const holder = await readHolder(aside);
  if (holder !== undefined && (await isAlive(holder))) await linked(aside, path);
  await rm(aside, { force: true });
}
