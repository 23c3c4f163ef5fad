import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { LifeboatError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { interrupted } from "../../within.ts";
import type { Ended, RunOptions } from "../workplace.ts";

/**
 * A shell that outlives us. It leads a session of its own, in which everything that works in the folder runs: so all of it, and nothing else, can be found in /proc. However this process ends, the pipe on its stdin closes; then it kills
 * what is in its session, removes the folder and ends. Orders end with a NUL: a number, and the words of a command. What it prints comes out as it is, and behind it a line with the mark, that number and the exit code.
 */
const SCRIPT = `
trap '' HUP INT TERM QUIT TSTP
folder=$1 mark=$2
cd -- "$folder" || exit 1
while IFS= read -r -d '' order; do
  {
    trap - HUP INT TERM QUIT TSTP
    (eval "\${order#* }")
    printf '\\n%s %s %s\\n' "$mark" "\${order%% *}" "$?"
  } </dev/null 2>&1 &
done
cd /
exec >/dev/null
for ((tries = 0; tries < 200; tries++)); do
  left=
  for each in /proc/[0-9]*; do
    { IFS= read -r line <"$each/stat"; } 2>/dev/null || continue
    words=(\${line##*) })
    [[ \${words[3]} == "$$" && \${each#/proc/} != "$$" && \${words[0]} != Z ]] || continue
    kill -s KILL "\${each#/proc/}" 2>/dev/null && left=yes
  done
  [[ -n $left ]] || break
  sleep 0.05
done
rm -rf -- "$folder"
`;

/** Of what a program printed, to say why it failed. */
const KEPT_LINES = 20;
const LINE_CHARACTERS = 1000;

export class Guardian {
  readonly #orders: Writable;
  readonly #mark: string;
  readonly #ended: Promise<unknown>;
  /** Its process id. */
  readonly pid: number;
  #number = 0;
  #lines: string[] = [];
  #onLine: ((line: string) => void) | undefined;
  #answer: ((code: number | undefined) => void) | undefined;
  #hasEnded = false;

  private constructor(shell: ChildProcess, orders: Writable, mark: string) {
    this.pid = shell.pid ?? 0;
    this.#orders = orders;
    // How it ended says why nothing more can be written.
    this.#orders.on("error", () => {});
    this.#mark = mark;
    this.#ended = once(shell, "exit").finally(() => {
      this.#hasEnded = true;
      this.#answer?.(undefined);
    });
    if (shell.stdout !== null) createInterface(shell.stdout).on("line", (line) => this.#take(line));
  }

  /** Throws what `spawn` does. */
  static async start(folder: string, path: string): Promise<Guardian> {
    const mark = randomBytes(16).toString("hex");
    const shell = spawn("/bin/bash", ["-c", SCRIPT, "lifeboat-guardian", folder, mark], {
      cwd: "/",
      env: { PATH: path, LC_ALL: "C" },
      stdio: ["pipe", "pipe", "ignore"],
      // A session of its own, so that Ctrl-C in our terminal does not end it before us.
      detached: true,
    });
    await once(shell, "spawn");
    return new Guardian(shell, shell.stdin, mark);
  }

  /** One at a time. */
  async run(words: readonly string[], { signal, onLine }: RunOptions): Promise<Ended> {
    const doing = `running ${words[0] ?? ""}`;
    if (signal.aborted) throw interrupted(signal, doing);
    [this.#lines, this.#onLine] = [[], onLine];
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    const onAbort = (): void => reject(interrupted(signal, doing));
    signal.addEventListener("abort", onAbort, { once: true });
    this.#answer = resolve;
    try {
      this.#number += 1;
      if (!this.#hasEnded) this.#orders.write(`${this.#number} ${words.map(shellWord).join(" ")}\0`);
      const code = this.#hasEnded ? undefined : await promise;
      if (code !== undefined) return { code, lines: this.#lines };
      throw new LifeboatError("output/failed", "the process that guards the working folder was killed", { hint: "run the command again" });
    } finally {
      this.#answer = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Resolves when it has killed everything, removed the folder and ended. */
  async end(): Promise<void> {
    this.#orders.end();
    await this.#ended;
  }

  #take(line: string): void {
    const [mark, number, code] = line.split(" ", 3);
    if (mark === this.#mark) {
      if (Number(number) === this.#number) this.#answer?.(Number(code));
      return;
    }
    if (line === "") return;
    const text = line.slice(0, LINE_CHARACTERS);
    this.#lines = [...this.#lines, text].slice(-KEPT_LINES);
    this.#onLine?.(text);
  }
}
