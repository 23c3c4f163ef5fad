import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { requireContract } from "./printed.ts";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
/** As vitest.config.ts has it: without it half of a command's time goes to stripping and compiling. */
const { NODE_COMPILE_CACHE } = process.env;

export interface Outcome {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LifeboatOptions {
  /** Where the person stands. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A program and its first arguments that node and the rest of the line are given to, such as a shell that sets a limit. */
  readonly through?: readonly string[];
  /** A module that is loaded before the command. */
  readonly preload?: string;
  /** Called with the running process's id. */
  readonly onStart?: (pid: number) => void;
  /** Called with what was printed on standard error so far, whenever there is more. */
  readonly onStderr?: (text: string) => void;
}

/** Puts the command into `folder`, which is made where it is missing, as a program that can be run by its name, as npm installs it. */
export async function putCommandInto(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const cache = NODE_COMPILE_CACHE === undefined ? "" : `export NODE_COMPILE_CACHE='${NODE_COMPILE_CACHE}'\n`;
  await writeFile(join(folder, "lifeboat"), `#!/bin/sh\n${cache}exec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 });
}

/** Runs the real command in a process of its own, to its end. */
export async function lifeboat(args: readonly string[], options: LifeboatOptions): Promise<Outcome> {
  const { through = [], preload } = options;
  const [program = process.execPath, ...line] = [
    ...through,
    process.execPath,
    ...(preload === undefined ? [] : ["--import", preload]),
    MAIN,
    ...args,
  ];
  const child = execa(program, line, {
    cwd: options.cwd,
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE,
      NO_COLOR: "1",
      XDG_RUNTIME_DIR: options.cwd,
      XDG_STATE_HOME: `${options.cwd}/.state`,
      ...options.env,
    },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    timeout: 100_000,
    stripFinalNewline: false,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("lifeboat did not start");
  options.onStart?.(pid);
  let told = "";
  child.stderr.on("data", (chunk: Buffer) => {
    told += chunk.toString();
    options.onStderr?.(told);
  });
  const { exitCode, signal, stdout, stderr } = await child;
  if (signal === undefined) requireContract(args, stdout);
  return { code: exitCode, signal, stdout, stderr };
}

/** The JSON document that a command printed. */
export async function lifeboatJson(args: readonly string[], options: LifeboatOptions): Promise<unknown> {
  return documentOf(args, await lifeboat([...args, "--json"], options));
}

export function documentOf(args: readonly string[], { code, stdout, stderr }: Outcome): unknown {
  if (code !== 0) throw new Error(`lifeboat ${args.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
