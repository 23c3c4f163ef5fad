import { randomBytes } from "node:crypto";
import { lstat, mkdir, readFile, rm, stat, statfs, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { pause } from "../../clock.ts";
import type { Clock } from "../../clock.ts";
import { LifeboatError, messageOf } from "../../errors.ts";
import { errnoOf } from "../../folders.ts";
import { problemWithPrivateFolder } from "../../own-files.ts";
import { birthOf, isAlive, statOf } from "../../process-mark.ts";
import type { ProcessMark } from "../../process-mark.ts";
import type { Ended, RunOptions, Workplace, Workplaces } from "../workplace.ts";
import { Guardian } from "./guardian.ts";
import { endPlace, GUARDIAN_FILE, newName, removeLeftovers } from "./leftovers.ts";

/** A folder on this machine, and a guardian that ends with it. */

export interface PlaceSettings {
  readonly clock: Clock;
  /** PATH, as in the environment. */
  readonly path: string | undefined;
  /** Told of what was left behind by others. */
  readonly note: (level: "info" | "warn", message: string) => void;
}

const BIN = "bin";
const LOOK_EVERY_MS = 20;
/** What is larger is no small file. */
const MOST_BYTES = 1 << 20;

export class LinuxWorkplaces implements Workplaces {
  readonly #settings: PlaceSettings;

  constructor(settings: PlaceSettings) {
    this.#settings = settings;
  }

  async open(parent: string, bytes: number): Promise<Workplace> {
    const { clock, path, note } = this.#settings;
    if (process.platform !== "linux")
      throw new LifeboatError("usage", "a drill runs restore.sh and etcd, which need Linux", {
        hint: "run it on a machine, or in a container, with Linux",
      });
    await removeLeftovers(parent, clock, note);
    await requireRoom(parent, bytes);
    const folder = join(parent, await newName(randomBytes(6).toString("hex")));
    await inPlace(folder, () => mkdir(folder, { mode: 0o700 }));
    try {
      const problem = await problemWithPrivateFolder(folder);
      if (problem !== undefined)
        throw new LifeboatError("input/unusable", `${folder} ${problem}`, { hint: "give --work a folder that only you may change" });
      const guardian = await Guardian.start(folder, [join(folder, BIN), path ?? "/usr/bin:/bin"].join(delimiter)).catch(
        (error: unknown) => {
          throw new LifeboatError("config/not-found", `/bin/bash does not run: ${messageOf(error)}`, {
            hint: "install bash: restore.sh needs it, too",
            cause: error,
          });
        },
      );
      const place = new LinuxWorkplace(folder, guardian, clock);
      await place.begin();
      return place;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

class LinuxWorkplace implements Workplace {
  readonly folder: string;
  readonly #guardian: Guardian;
  readonly #clock: Clock;

  constructor(folder: string, guardian: Guardian, clock: Clock) {
    this.folder = folder;
    this.#guardian = guardian;
    this.#clock = clock;
  }

  async begin(): Promise<void> {
    const { pid } = this.#guardian;
    await this.write(GUARDIAN_FILE, `${pid} ${await birthOf(pid)}\n`);
    await this.makeFolder(BIN);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async makeFolder(name: string): Promise<void> {
    await inPlace(this.folder, () => mkdir(this.path(name), { mode: 0o700 }));
  }

  async write(name: string, text: string, kind: "file" | "program" = "file"): Promise<void> {
    await inPlace(this.folder, () => writeFile(this.path(name), text, { flag: "wx", mode: kind === "program" ? 0o700 : 0o600 }));
  }

  async read(name: string): Promise<string | undefined> {
    const path = this.path(name);
    const status = await stat(path).catch(() => undefined);
    return status?.isFile() !== true || status.size > MOST_BYTES ? undefined : readFile(path, "utf8");
  }

  async link(name: string, program: string): Promise<void> {
    await inPlace(this.folder, () => symlink(program, this.path(join(BIN, name))));
  }

  async remove(name: string): Promise<void> {
    await inPlace(this.folder, () => rm(this.path(name), { recursive: true, force: true }));
  }

  run(words: readonly string[], options: RunOptions): Promise<Ended> {
    return this.#guardian.run(words, options);
  }

  async isRunning(pid: number): Promise<boolean> {
    return (await this.#markOf(pid)) !== undefined;
  }

  async stop(pid: number, graceMs: number): Promise<void> {
    const mark = await this.#markOf(pid);
    if (mark === undefined) return;
    kill(pid, "SIGTERM");
    for (let waitedMs = 0; waitedMs < graceMs; waitedMs += LOOK_EVERY_MS) {
      if (!(await isRunning(mark))) return;
      await pause(this.#clock, LOOK_EVERY_MS);
    }
    kill(pid, "SIGKILL");
    while (await isRunning(mark)) await pause(this.#clock, LOOK_EVERY_MS);
  }

  async freePorts(count: number): Promise<{ readonly host: string; readonly ports: readonly number[] }> {
    // Connections that go out take ports of 127.0.0.1, where one that is free now may be taken by the time that etcd starts.
    const [second = 0, third = 0, fourth = 0] = randomBytes(3);
    const host = `127.${1 + (second % 254)}.${third}.${1 + (fourth % 254)}`;
    const servers = await Promise.all(Array.from({ length: count }, () => listen(host)));
    const ports = servers.map(({ port }) => port);
    await Promise.all(servers.map((server) => server.close()));
    return { host, ports };
  }

  async end(): Promise<void> {
    await this.#guardian.end();
    if (!(await isThere(this.folder))) return;
    await endPlace(this.folder, this.#clock).catch(() => undefined);
    if (await isThere(this.folder))
      throw new LifeboatError("output/failed", `${this.folder} could not be removed: it may hold secrets of a cluster unencrypted`, {
        hint: "delete it",
      });
  }

  /** Undefined where it has ended, or was not started here. */
  async #markOf(pid: number): Promise<ProcessMark | undefined> {
    const words = await statOf(pid);
    if (words === undefined || words[0] === "Z" || Number(words[3]) !== this.#guardian.pid) return undefined;
    return { pid, birth: words[19] ?? "" };
  }
}

/** Whoever started it may be long in asking how it ended. */
async function isRunning(mark: ProcessMark): Promise<boolean> {
  return (await isAlive(mark)) && (await statOf(mark.pid))?.[0] !== "Z";
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

function listen(host: string): Promise<{ readonly port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      resolve({ port: address === null || typeof address === "string" ? 0 : address.port, close: () => server[Symbol.asyncDispose]() });
    });
  });
}

async function requireRoom(parent: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await inPlace(parent, () => statfs(parent));
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new LifeboatError("store/full", `${parent} has ${free} bytes free, and a drill needs ${bytes} there`, {
    hint: "make room, or name a folder on another disk with --work",
  });
}

async function isThere(folder: string): Promise<boolean> {
  return lstat(folder).then(
    () => true,
    () => false,
  );
}

async function inPlace<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const isFull = ["ENOSPC", "EDQUOT"].includes(errnoOf(error) ?? "");
    throw new LifeboatError(isFull ? "store/full" : "output/failed", `cannot work in ${folder}: ${messageOf(error)}`, {
      hint: isFull ? "make room there, or name a folder on another disk with --work" : "name a folder that can be written to with --work",
      cause: error,
    });
  }
}
