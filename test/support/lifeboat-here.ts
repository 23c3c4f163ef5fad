import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Writable } from "node:stream";
import { runProgram } from "../../cli/program.ts";
import { systemClock } from "../../shared/system-clock.ts";
import { documentOf } from "./lifeboat.ts";
import type { LifeboatOptions, Outcome } from "./lifeboat.ts";
import { requireContract } from "./printed.ts";

export interface HereOptions extends Pick<LifeboatOptions, "cwd" | "env"> {
  /** Called with what was printed on standard error so far, whenever there is more. */
  readonly onStderr?: (text: string) => void;
  /** The same for standard output. */
  readonly onStdout?: (text: string) => void;
  /** Called with what is printed on standard output, byte by byte as it is. */
  readonly onBytes?: (bytes: Buffer) => void;
  /** Standard output is a terminal of so many columns; else it has no width. */
  readonly columns?: number;
  /** In the place of signals: aborts with a LifeboatError `interrupted`. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a command line to its end in this process: the same code without the start of a process, for the many looks at what another run left. Relative to
 * `lifeboat` of ./lifeboat.ts nothing is missing but main.ts.
 */
export async function lifeboatHere(
  args: readonly string[],
  { cwd, env = {}, onStderr, onStdout, onBytes, columns, signal = new AbortController().signal }: HereOptions,
): Promise<Outcome> {
  const [stdout, stderr] = [new Collected(onStdout, onBytes), new Collected(onStderr)];
  if (columns !== undefined) Object.assign(stdout, { isTTY: true, columns });
  // Of the place, where a test makes it: nothing is kept in the cache folder of whoever runs the tests.
  const environment = { PATH: process.env["PATH"], NO_COLOR: "1", XDG_CACHE_HOME: join(cwd, ".cache"), ...env };
  const console = { stdout, stderr, environment, cwd, clock: systemClock, signal };
  const code = await runProgram(args, console, {
    clock: systemClock,
    randomBytes,
    environment,
    runtimeFolder: cwd,
    stateFolder: join(cwd, ".state/etcd-lifeboat"),
  });
  requireContract(args, stdout.text);
  return { code, signal: undefined, stdout: stdout.text, stderr: stderr.text };
}

/** The JSON document that a command printed. */
export async function lifeboatJsonHere(args: readonly string[], options: Pick<LifeboatOptions, "cwd" | "env">): Promise<unknown> {
  return documentOf(args, await lifeboatHere([...args, "--json"], options));
}

class Collected extends Writable {
  text = "";
  readonly #onMore: (text: string) => void;
  readonly #onBytes: (bytes: Buffer) => void;

  constructor(onMore: (text: string) => void = () => undefined, onBytes: (bytes: Buffer) => void = () => undefined) {
    super();
    this.#onMore = onMore;
    this.#onBytes = onBytes;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    this.#onBytes(Buffer.from(chunk));
    this.#onMore(this.text);
    done();
  }
}
