import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { forgetProcess, guardProcess } from "./guard.ts";
import { until } from "./until.ts";

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** All of the child's environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Takes stdout and stderr; appended to. */
  readonly logFile: string;
}

/** A server that we started. It leads a process group of its own, and ends with this process however that ends. */
export class LabProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #launch: Launch;
  #paused = false;

  private constructor(child: ChildProcess, pid: number, launch: Launch) {
    this.#child = child;
    this.pid = pid;
    this.#launch = launch;
  }

  static async start(launch: Launch): Promise<LabProcess> {
    const log = openSync(launch.logFile, "a", 0o600);
    try {
      const options = { env: launch.env, cwd: launch.cwd, detached: true, stdio: ["ignore", log, log] as ["ignore", number, number] };
      const child = spawn(launch.command, launch.args, options);
      await once(child, "spawn");
      const pid = child.pid;
      if (pid === undefined) throw new Error(`${launch.command} has no pid`);
      guardProcess(pid);
      child.once("exit", () => forgetProcess(pid));
      return new LabProcess(child, pid, launch);
    } finally {
      closeSync(log);
    }
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGSTOP: it keeps its connections and answers nothing. Resolves when all its threads stand: until then one may still answer. */
  async pause(): Promise<void> {
    this.#signal("SIGSTOP");
    this.#paused = true;
    await until(`pid ${this.pid} stopped`, 10_000, () => {
      const threads = readdirSync(`/proc/${this.pid}/task`);
      return Promise.resolve(threads.every((thread) => /\) [Tt] /.test(readFileSync(`/proc/${this.pid}/task/${thread}/stat`, "utf8"))));
    });
  }

  resume(): void {
    this.#signal("SIGCONT");
    this.#paused = false;
  }

  /** SIGTERM, and SIGKILL where it has not ended after `graceMs`. Resolves when it has ended. */
  async stop(graceMs = 5000): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, "exit");
    this.#signal("SIGTERM");
    if (this.#paused) this.resume();
    const timer = setTimeout(() => this.#signal("SIGKILL"), graceMs);
    await ended.finally(() => clearTimeout(timer));
  }

  /** SIGKILL. Resolves when it has ended. */
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, "exit");
    this.#signal("SIGKILL");
    await ended;
  }

  /** The log's last lines. */
  logTail(lines = 15): string {
    return readFileSync(this.#launch.logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.isRunning) throw new Error(`${this.#launch.command} (pid ${this.pid}) has ended`);
    process.kill(this.pid, signal);
  }
}
