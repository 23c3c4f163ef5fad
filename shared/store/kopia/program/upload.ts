import type { Block } from "../../../blocks.ts";
import { LifeboatError } from "../../../errors.ts";
import { parseSnapshot } from "./answers.ts";
import { strangeAnswer } from "./failures.ts";
import type { KopiaSnapshot, KopiaUpload } from "./kopia.ts";
import { stdoutOf } from "./process.ts";
import type { Ended, Fed } from "./process.ts";

export interface UploadParts {
  readonly child: Fed;
  /** The act and where, for messages. */
  readonly doing: string;
  /** To be called when the program has ended. */
  release(): Promise<void>;
  /** Why it ended with anything but 0. */
  failure(ended: Ended): LifeboatError;
  /** Deletes a snapshot that is not what was sent. */
  discard(id: string): Promise<void>;
}

/** A run of `kopia snapshot create --stdin-file`. */
export class ProgramUpload implements KopiaUpload {
  readonly #parts: UploadParts;
  readonly #stdout: Promise<string>;
  #bytes = 0;

  constructor(parts: UploadParts) {
    this.#parts = parts;
    // Read from the start: kopia must never wait for us to take its answer.
    this.#stdout = stdoutOf(parts.child);
    this.#stdout.catch(() => {});
    void this.#letGo();
  }

  async write(block: Block): Promise<void> {
    this.#bytes += block.bytes.length;
    try {
      await this.#parts.child.write(block);
    } catch {
      throw await this.#endedEarly();
    }
  }

  async end(): Promise<KopiaSnapshot> {
    const { child, doing } = this.#parts;
    try {
      await child.end();
    } catch {
      throw await this.#endedEarly();
    }
    const [ended, stdout] = await Promise.all([child.ended, this.#stdout.catch(() => "")]);
    if (ended.exitCode !== 0) throw this.#parts.failure(ended);
    return this.#checked(stdout, doing);
  }

  async kill(): Promise<void> {
    this.#parts.child.kill();
    await this.#parts.child.ended;
  }

  async #letGo(): Promise<void> {
    await this.#parts.child.ended;
    await this.#parts.release();
  }

  /** It takes no more input: it has ended, or is about to. */
  async #endedEarly(): Promise<LifeboatError> {
    const ended = await this.#parts.child.ended;
    if (ended.exitCode !== 0) return this.#parts.failure(ended);
    // kopia never leaves its input unread and is content.
    return strangeAnswer(new Error("it ended before its input did"), this.#parts.doing);
  }

  async #checked(stdout: string, doing: string): Promise<KopiaSnapshot> {
    let snapshot: KopiaSnapshot;
    try {
      snapshot = parseSnapshot(stdout);
    } catch (error) {
      throw strangeAnswer(error, doing);
    }
    if (snapshot.incomplete === undefined && snapshot.files === 1 && snapshot.bytes === this.#bytes) return snapshot;
    const message = `cannot ${doing}: Kopia stored ${snapshot.files} files and ${snapshot.bytes} bytes of ${this.#bytes}`;
    await this.#parts.discard(snapshot.id).catch(() => {});
    throw new LifeboatError("store/failed", message, {
      hint: "a policy of the repository leaves files out: kopia policy show --global, and look for ignore rules and sizes",
    });
  }
}
