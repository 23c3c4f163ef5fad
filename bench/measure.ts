import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { forgetProcess, guardProcess } from "../tools/lab/guard.ts";

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
}

const Usage = z.object({ wallSeconds: z.number(), cpuSeconds: z.number(), peakRssKib: z.number() });

/** Of a command and all that it started: CPU is user and system; the peak is that of the largest single process. */
export type Usage = z.infer<typeof Usage>;

export interface Measured {
  readonly usage: Usage;
  readonly stdout: string;
}

const MEASURE = fileURLToPath(new URL("measure.py", import.meta.url));

/** Runs `command` to its end. Throws with its last words where it fails, and the signal's reason where that stops it. */
export async function measure(command: Command, signal: AbortSignal): Promise<Measured> {
  signal.throwIfAborted();
  const child = spawn("python3", ["-I", "-S", MEASURE, command.program, ...command.args], {
    cwd: command.cwd,
    env: command.env,
    // A group of its own, so that stopping it stops what it started too.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command.program} has no pid`);
  guardProcess(pid);
  const ended = once(child, "close").finally(() => forgetProcess(pid));
  const stop = (): void => {
    process.kill(-pid, "SIGKILL");
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [, out, error, figures] = child.stdio;
    const [stdout, stderr, json] = await Promise.all([allOf(out), allOf(error), allOf(figures), ended]);
    signal.throwIfAborted();
    if (child.exitCode !== 0) {
      const words = stderr.trim().split("\n").slice(-5).join("\n");
      throw new Error(`${basename(command.program)} ended with ${child.signalCode ?? child.exitCode}: ${words}`);
    }
    return { usage: Usage.parse(JSON.parse(json)), stdout };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function allOf(stream: unknown): Promise<string> {
  return stream instanceof Readable ? text(stream) : "";
}
