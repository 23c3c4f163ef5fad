import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { say } from "./say.ts";

const LIFEBOAT = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** Shows commands as a person types them in one folder, and runs them there. */
export class Typist {
  readonly #folder: string;
  readonly #signal: AbortSignal;

  constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Types and runs `lifeboat ...`; an error where it fails. */
  lifeboat(...args: readonly string[]): Promise<void> {
    return this.lifeboatWith([0], ...args);
  }

  async lifeboatWith(exitCodes: readonly number[], ...args: readonly string[]): Promise<void> {
    this.show("lifeboat", args);
    await this.#run(process.execPath, [LIFEBOAT, ...args], "inherit", exitCodes);
  }

  /** What `lifeboat ...` prints, without showing it. */
  quietly(...args: readonly string[]): Promise<string> {
    return this.#run(process.execPath, [LIFEBOAT, ...args], "pipe", [0]);
  }

  /** Types and runs another program. */
  async type(program: string, args: readonly string[]): Promise<void> {
    this.show(basename(program), args);
    await this.#run(program, args, "inherit", [0]);
  }

  /** What another program prints, without showing it. */
  run(program: string, args: readonly string[]): Promise<string> {
    return this.#run(program, args, "pipe", [0]);
  }

  show(program: string, args: readonly string[]): void {
    const words = [program, ...args].map((word) => (/^[\w./:@=,-]+$/.test(word) ? word : `'${word}'`));
    say(styleText("cyan", `$ ${words.join(" ")}`));
  }

  async #run(program: string, args: readonly string[], stdout: "inherit" | "pipe", exitCodes: readonly number[]): Promise<string> {
    const shown = args[0] === LIFEBOAT ? `lifeboat ${args[1]}` : `${basename(program)} ${args[0]}`;
    this.#signal.throwIfAborted();
    const child = spawn(program, args, { cwd: this.#folder, stdio: ["ignore", stdout, "inherit"] });
    const output = child.stdout === null ? Promise.resolve("") : text(child.stdout);
    const [code] = (await once(child, "close")) as [number | null];
    this.#signal.throwIfAborted();
    if (code === null || !exitCodes.includes(code)) throw new Error(`${shown} ended with exit code ${code ?? "of a signal"}`);
    return output;
  }
}
