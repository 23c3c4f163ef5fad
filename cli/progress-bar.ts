import { Presets, SingleBar } from "cli-progress";
import type { Progress } from "../shared/progress.ts";
import { note, widthOf } from "./console.ts";
import type { Console } from "./console.ts";
import { formatBytes, formatMilliseconds, printable } from "./format.ts";

/** Progress for a person: a bar while bytes move on a terminal, a line per phase that moved bytes in a pipe. To be closed before anything else is printed. */
export class ConsoleProgress implements Progress {
  readonly debug: Progress["debug"];
  readonly #console: Console;
  #bar: SingleBar | undefined;
  #phase = "";
  #bytes = 0;
  #total = 0;
  #started = 0;

  constructor(console: Console) {
    this.#console = console;
    this.debug = console.debug;
  }

  phase(name: string, totalBytes?: number): void {
    this.close();
    this.#phase = name;
    this.#bytes = 0;
    this.#total = totalBytes ?? 0;
    this.#started = this.#console.clock.monotonicMs();
    if (totalBytes === undefined || this.#console.stderr.isTTY !== true || this.#console.quiet === true) return;
    // Lines of the debug log would tear the bar apart.
    if (this.#console.debug !== undefined) return;
    this.#bar = new SingleBar(
      {
        stream: this.#console.stderr,
        format: (_options, params) => this.#line(params.progress),
        hideCursor: true,
        clearOnComplete: true,
        fps: 8,
        gracefulExit: false,
      },
      Presets.legacy,
    );
    this.#bar.start(totalBytes, 0);
  }

  advance(bytes: number): void {
    this.#bytes += bytes;
    this.#bar?.update(Math.min(this.#bytes, this.#total));
  }

  note(level: "info" | "warn", message: string): void {
    if (level === "info" && this.#console.quiet === true) return;
    const running = this.#bar !== undefined;
    this.#bar?.stop();
    note(this.#console, printable(level === "warn" ? `warning: ${message}` : message));
    if (running) this.#bar?.start(this.#total, Math.min(this.#bytes, this.#total));
  }

  /** Ends the running phase's bar or line. */
  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    if (this.#bytes > 0 && this.#console.quiet !== true) {
      const ms = Math.max(1, this.#console.clock.monotonicMs() - this.#started);
      note(
        this.#console,
        `${this.#phase}: ${formatBytes(this.#bytes)} in ${formatMilliseconds(ms)} (${formatBytes((this.#bytes * 1000) / ms)}/s)`,
      );
    }
    this.#bytes = 0;
  }

  #line(done: number): string {
    const ms = Math.max(1, this.#console.clock.monotonicMs() - this.#started);
    const rate = (this.#bytes * 1000) / ms;
    const left = rate > 0 ? formatMilliseconds(((this.#total - this.#bytes) * 1000) / rate) : "?";
    const time = this.#bytes >= this.#total ? "finishing" : `${left} left`;
    const facts = `${formatBytes(this.#bytes)} of ${formatBytes(this.#total)}  ${formatBytes(rate)}/s  ${time}`;
    // The bar takes what the facts leave of the line: cli-progress cuts a longer one, and the time left stands at its end.
    const room = (widthOf(this.#console.stderr) ?? 80) - this.#phase.length - facts.length - " [] ".length;
    const width = Math.max(0, Math.min(24, room));
    const full = Math.round(done * width);
    return `${this.#phase} [${"=".repeat(full)}${" ".repeat(width - full)}] ${facts}`;
  }
}
