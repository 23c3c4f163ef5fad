import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { LifeboatError, messageOf } from "../../errors.ts";
import { SnapshotHasher } from "../../snapshot/trailer.ts";
import type { ByteSpan, ReadThrough, SnapshotInput, SnapshotReader } from "../snapshot-input.ts";
import { DigestThread } from "./digest-thread.ts";
import { foreignFormat, LONGEST_MAGIC } from "./foreign-format.ts";
import { readBlocks } from "./read-blocks.ts";

/** From here on a thread of its own for the hash saves more time than its start takes (some 50 ms, measured). */
const THREAD_BYTES = 32 << 20;
/** How often a signal is heeded and the progress drawn: a few milliseconds' worth. */
const PAUSE_BYTES = 8 << 20;

const REFS = "name a snapshot file, or a ref such as prod/latest";

/** Whether something other than a folder is at `path`. */
export async function isFileThere(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isDirectory(),
    () => false,
  );
}

/**
 * The plain snapshot in the file at `path`, which the person calls `name`. Throws `input/not-found`, or `input/unusable` for a folder, for what cannot be
 * read, and for a file that is something else by its first bytes.
 */
export async function openSnapshotFile(path: string, name: string): Promise<SnapshotFile> {
  let file: FileHandle;
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new LifeboatError("input/unusable", `${name} is a folder`, { hint: REFS });
    // Opening a named pipe would wait for its writer.
    if (!found.isFile())
      throw new LifeboatError("input/unusable", `${name} is not a plain file`, {
        hint: "parts of a snapshot are read twice: write it to a file first",
      });
    file = await open(path, "r");
  } catch (error) {
    throw openFailure(error, name);
  }
  try {
    const head = Buffer.alloc(LONGEST_MAGIC);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const foreign = foreignFormat(head.subarray(0, bytesRead));
    if (foreign !== undefined) throw new LifeboatError("input/unusable", `${name} is ${foreign.what}`, { hint: foreign.hint });
    const { size, mtimeNs } = await file.stat({ bigint: true });
    return new SnapshotFile(file, name, Number(size), mtimeNs);
  } catch (error) {
    await file.close();
    throw error instanceof LifeboatError ? error : readFailure(error, name);
  }
}

export class SnapshotFile implements SnapshotInput, AsyncDisposable {
  readonly name: string;
  readonly bytes: number;
  readonly #file: FileHandle;
  readonly #modified: bigint;
  /** At work from the beginning: what reads the file has libraries to load first. */
  readonly #thread: DigestThread | undefined;

  constructor(file: FileHandle, name: string, bytes: number, modified: bigint) {
    this.name = name;
    this.bytes = bytes;
    this.#file = file;
    this.#modified = modified;
    this.#thread = bytes < THREAD_BYTES ? undefined : new DigestThread({ fd: file.fd, bytes });
  }

  async readAll<Result>(reader: SnapshotReader<Result>, signal: AbortSignal): Promise<ReadThrough<Result>> {
    const file = { fd: this.#file.fd, bytes: this.bytes };
    const hasher = new SnapshotHasher();
    let at = 0;
    let pauseAt = PAUSE_BYTES;
    return this.#try(async () => {
      for (const block of readBlocks(file)) {
        if (this.#thread === undefined) hasher.update(block);
        reader.update(block);
        at += block.length;
        if (at < pauseAt) continue;
        pauseAt += PAUSE_BYTES;
        await setImmediate();
        signal.throwIfAborted();
      }
      signal.throwIfAborted();
      if (at < this.bytes) throw this.#changed();
      // This takes a while too, in which the other thread comes to its end.
      const result = reader.finish();
      const digests = this.#thread === undefined ? hasher.finish() : await this.#thread.digests();
      await this.#requireUnchanged();
      return { digests, result };
    });
  }

  async *readSpans(spans: readonly ByteSpan[], signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for (const { at, length } of spans) {
      signal.throwIfAborted();
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const { bytesRead } = await this.#try(() => this.#file.read(bytes, filled, length - filled, at + filled));
        if (bytesRead === 0) throw this.#changed();
        filled += bytesRead;
      }
      yield bytes;
    }
    await this.#requireUnchanged();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.[Symbol.asyncDispose]();
    await this.#file.close();
  }

  async #requireUnchanged(): Promise<void> {
    const { size, mtimeNs } = await this.#try(() => this.#file.stat({ bigint: true }));
    if (Number(size) !== this.bytes || mtimeNs !== this.#modified) throw this.#changed();
  }

  #changed(): LifeboatError {
    return new LifeboatError("input/changed", `${this.name} was written to while it was read`, {
      hint: "wait until it is written; of a member that runs take a snapshot instead of its database",
    });
  }

  async #try<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw isSystemError(error) ? readFailure(error, this.name) : error;
    }
  }
}

/** Not of this program: what the file system answers, on either thread. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function openFailure(error: unknown, name: string): Error {
  if (error instanceof LifeboatError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR")
    return new LifeboatError("input/not-found", `file ${name} not found`, { hint: REFS, cause: error });
  return readFailure(error, name);
}

function readFailure(error: unknown, name: string): LifeboatError {
  return new LifeboatError("input/unusable", `cannot read ${name}: ${messageOf(error)}`, {
    hint: "check that the file may be read and its disk works",
    cause: error,
  });
}
