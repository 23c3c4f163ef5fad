import { constants, close, open } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { execa } from "execa";
import type { Block } from "../../../blocks.ts";

/**
 * One run of a program, as the leader of a process group of its own. A watcher in the group reads a pipe whose other end is ours: however
 * this process ends, also by
 * SIGKILL, the pipe closes and the watcher kills the group. No core is dumped: memory holds the repository's password.
 */

/** `"$@"` is the program with its arguments. File 3 is the pipe. */
const PLAIN = `
ulimit -c 0
{ IFS= read -r word <&3; kill -s KILL 0; } < /dev/null > /dev/null 2>&1 &
exec "$@" < /dev/null 3<&-
`;

/** The same, with the input that it was started with. */
const GIVEN = PLAIN.replace('"$@" < /dev/null', '"$@"');

/**
 * The input comes through a named pipe, which the watcher holds open as we do: the program sees its end when both have let go. The
 * watcher does so when it is told `end`, and
 * kills the group when the pipe of words ends without. Were our end the only one, our death would look like the end of the input.
 */
const FED = `
ulimit -c 0
pipe=$1
shift
{ IFS= read -r word <&3; [ "$word" = end ] || kill -s KILL 0; } < /dev/null > "$pipe" 2> /dev/null &
exec "$@" < "$pipe" 3<&-
`;

/** kopia says little there; the tail is what matters. */
const STDERR_CHARACTERS = 64 * 1024;
/** The list of 100,000 snapshots has some 80 MB. */
const STDOUT_BYTES = 256 * 1024 * 1024;

export interface Run {
  readonly program: string;
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** How a run ended. */
export interface Ended {
  /** Undefined where a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** The last 64 Ki characters. */
  readonly stderr: string;
  /** Why it could not be started. */
  readonly notStarted: Error | undefined;
}

export interface Child {
  readonly stdout: Readable;
  /** Resolves when the program has ended and nothing of its group is left. Never rejects. */
  readonly ended: Promise<Ended>;
  /** SIGKILL to the group. */
  readonly kill: () => void;
}

interface Watched extends Child {
  readonly control: Socket;
}

/** Starts a program without input, or with a short one that it is given at once. */
export function start(run: Run, input?: string): Child {
  return launch(run, ["-c", input === undefined ? PLAIN : GIVEN, "sh", run.program, ...run.args], input);
}

/** Takes the whole of a program's stdout. Where there is more than 256 MiB the program is killed. */
export async function stdoutOf(child: Child): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > STDOUT_BYTES) child.kill();
  }
  return Buffer.concat(chunks).toString("utf8");
}

function launch({ env, cwd }: Run, words: readonly string[], input?: string): Watched {
  const child = execa("/bin/sh", words, {
    env,
    extendEnv: false,
    cwd,
    stdio: [input === undefined ? "ignore" : Buffer.from(input), "pipe", "pipe", "pipe"],
    detached: true,
    buffer: false,
    reject: false,
    encoding: "buffer",
    stripFinalNewline: false,
  });
  const { pid } = child;
  let isOver = pid === undefined;
  const kill = (): void => {
    if (isOver || pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Nobody is left of it.
    }
  };
  // The watcher outlives the program, and execa waits for the pipe that it reads.
  child.once("exit", () => {
    kill();
    isOver = true;
  });
  let stderr = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARACTERS);
  });
  // Of a pipe whose reader is gone: how the program ended says why.
  for (const stream of [child.stdout, child.stderr, child.stdio[3]]) stream.on("error", () => {});
  const control = child.stdio[3] as unknown as Socket;
  const ended = (async (): Promise<Ended> => {
    const { exitCode, signal, cause, failed } = await child;
    const notStarted =
      failed && exitCode === undefined && signal === undefined
        ? cause instanceof Error
          ? cause
          : new Error("it did not start")
        : undefined;
    return { exitCode, signal, stderr, notStarted };
  })();
  return { stdout: child.stdout, ended, kill, control };
}

/** At most so many blocks wait: kopia works on one while the next is scanned. */
const WAITING = 2;

/** A program that is fed. */
export interface Fed extends Child {
  /**
   * Takes over `block` and releases it once the program has its bytes. Resolves when there is room for the next. Rejects where the
   * program takes no more: `ended` says why.
   */
  write(block: Block): Promise<void>;
  /** Lets the program see the end of its input. Rejects as `write`. */
  end(): Promise<void>;
}

/** Starts a program whose input comes through `pipe`, the path of a named pipe that nobody else uses. */
export async function startFed(run: Run, pipe: string): Promise<Fed> {
  const child = launch(run, ["-c", FED, "sh", pipe, run.program, ...run.args]);
  const fd = await openToWrite(pipe, child.ended).catch((error: unknown) => {
    child.kill();
    throw error;
  });
  const input = new Socket({ fd, readable: false, writable: true });
  let broken: Error | undefined;
  input.on("error", (error) => (broken = error));
  void child.ended.then(() => input.destroy());
  const waiting: Promise<void>[] = [];

  const send = (block: Block): Promise<void> =>
    new Promise((resolve, reject) => {
      input.write(block.bytes, (error) => {
        block.release();
        if (error) reject(error);
        else resolve();
      });
    });
  return {
    stdout: child.stdout,
    ended: child.ended,
    kill: child.kill,
    async write(block) {
      if (broken !== undefined) throw broken;
      const sent = send(block);
      // Whoever awaits it sees the failure; nobody may be left to.
      sent.catch(() => {});
      waiting.push(sent);
      if (waiting.length >= WAITING) await waiting.shift();
    },
    async end() {
      await Promise.all(waiting);
      if (broken !== undefined) throw broken;
      await new Promise<void>((resolve, reject) => {
        input.once("error", reject);
        input.end(resolve);
      });
      child.control.write("end\n");
    },
  };
}

/**
 * Opens a named pipe for writing, which resolves when the program has it open for reading. Where the program ends without having opened
 * it, a reader of ours lets the call
 * return: it would wait for ever, and Node with it.
 */
async function openToWrite(pipe: string, ended: Promise<Ended>): Promise<number> {
  const opened = openFile(pipe, constants.O_WRONLY);
  let isOpen = false;
  const letGo = async (): Promise<void> => {
    await ended;
    if (isOpen) return;
    const reader = await openFile(pipe, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
    await opened.catch(() => {});
    if (reader !== undefined) close(reader);
  };
  void letGo();
  const fd = await opened;
  isOpen = true;
  return fd;
}

function openFile(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}
