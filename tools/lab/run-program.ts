import { spawn } from "node:child_process";
import { basename } from "node:path";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface RunOptions {
  /** All of the program's environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Given on stdin. */
  readonly input?: string;
}

/** Runs a program to its end: its stdout. Where it fails, the error holds its last words but not its input or environment. */
export async function runProgram(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const child = spawn(command, args, { env: options.env, cwd: options.cwd, stdio: ["pipe", "pipe", "pipe"] });
  // A program that does not read its stdin may have closed it.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (child.exitCode !== 0) {
    const words = `${stderr}${stdout}`.trim().split("\n").slice(-5).join("\n");
    throw new Error(`${basename(command)} ${args.join(" ")} ended with ${child.signalCode ?? child.exitCode}: ${words}`);
  }
  return stdout;
}
