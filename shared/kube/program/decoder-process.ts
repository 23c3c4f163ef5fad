import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { LifeboatError } from "../../errors.ts";
import { interrupted } from "../../within.ts";
import type { Decoded } from "../decoder.ts";
import { readJsonObject } from "../json-object.ts";

/** The program's own bound: `maxValue` in tools/go/kube-decode/main.go. */
export const MOST_VALUE_BYTES = 8 * 1024 * 1024;
/** `maxAnswer` there. */
const MOST_ANSWER_BYTES = 64 * 1024 * 1024;
const HEADER_BYTES = 5;
const STDERR_CHARACTERS = 16 * 1024;

/** One run of kube-decode. Frames: see tools/go/kube-decode/main.go. Answers are read as they are asked for, and come in the order of what was sent. */
export class DecoderProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #chunks: AsyncIterator<Buffer, undefined>;
  readonly #ended: Promise<unknown>;
  readonly #signal: AbortSignal;
  readonly #kill = (): void => void this.#child.kill("SIGKILL");
  /** Of what was sent and not answered, the oldest first. */
  readonly #keys: string[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #stderr = "";

  constructor(program: string, signal: AbortSignal) {
    this.#signal = signal;
    // It needs nothing of this environment. A Go program that dies prints no memory.
    this.#child = spawn(program, [], { cwd: "/", env: { GOTRACEBACK: "none" }, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.once("error", (error) => (this.#stderr += error.message));
    this.#ended = Promise.race([once(this.#child, "close"), once(this.#child, "error")]).catch(() => undefined);
    // How it ended says why nothing more can be written or read.
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream.on("error", () => {});
    this.#child.stderr.setEncoding("utf8");
    this.#child.stderr.on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(0, STDERR_CHARACTERS);
    });
    this.#chunks = this.#child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    if (signal.aborted) this.#kill();
    else signal.addEventListener("abort", this.#kill, { once: true });
  }

  /** Hands over a copy of `value`. How much is not answered at a time is for the caller to bound. */
  send(key: Uint8Array, value: Uint8Array): void {
    const frame = Buffer.allocUnsafe(4 + value.length);
    frame.writeUInt32BE(value.length, 0);
    frame.set(value, 4);
    this.#keys.push(Buffer.from(key).toString("utf8"));
    this.#child.stdin.write(frame);
  }

  /** The next answer. Throws `decoder/failed` where there is none. */
  async answer(): Promise<Decoded> {
    const header = await this.#take(HEADER_BYTES);
    const [kind, length] = [header.toString("latin1", 0, 1), header.readUInt32BE(1)];
    if ((kind !== "J" && kind !== "R") || length > MOST_ANSWER_BYTES) throw await this.#failure("it answered what is no answer");
    const text = await this.#take(length);
    this.#keys.shift();
    return kind === "R" ? { raw: text.toString("utf8") } : readJsonObject(text);
  }

  /** Ends it, whatever it does. */
  async end(): Promise<void> {
    this.#signal.removeEventListener("abort", this.#kill);
    this.#kill();
    await this.#ended;
  }

  async #take(bytes: number): Promise<Buffer> {
    const taken: Buffer[] = [this.#rest];
    let length = this.#rest.length;
    while (length < bytes) {
      const chunk = await this.#chunk();
      if (chunk === undefined) throw await this.#failure();
      taken.push(chunk);
      length += chunk.length;
    }
    const all = taken.length === 1 ? this.#rest : Buffer.concat(taken, length);
    this.#rest = all.subarray(bytes);
    return all.subarray(0, bytes);
  }

  /** Undefined where there is no more. */
  async #chunk(): Promise<Buffer | undefined> {
    try {
      const next: IteratorResult<Buffer, undefined> = await this.#chunks.next();
      return next.done === true ? undefined : next.value;
    } catch {
      // How it ended says why.
      return undefined;
    }
  }

  async #failure(reason?: string): Promise<LifeboatError> {
    if (reason !== undefined) this.#kill();
    await this.#ended;
    if (this.#signal.aborted) return interrupted(this.#signal, "objects were decoded");
    return new LifeboatError("decoder/failed", `kube-decode cannot decode ${this.#keys[0] ?? "a value"}: ${reason ?? this.#reason()}`, {
      hint: "that object may be damaged, or made to break what reads it: leave it out, or take it as it is (raw), which needs no decoder",
    });
  }

  #reason(): string {
    if (/out of memory|cannot allocate memory/.test(this.#stderr)) return "it ran out of the memory that it may have";
    const { exitCode, signalCode } = this.#child;
    const how = signalCode === null ? `it ended with exit code ${exitCode}` : `${signalCode} ended it`;
    const [line = ""] = this.#stderr.trim().split("\n", 1);
    return line === "" ? how : `${how} (${line})`;
  }
}
