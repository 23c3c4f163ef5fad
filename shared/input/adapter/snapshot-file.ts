import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { LifeboatError, messageOf } from "../../errors.ts";
import type { SnapshotDigests } from "../../snapshot/trailer.ts";
import type { ByteSpan, SnapshotInput } from "../snapshot-input.ts";
import { digestLane } from "./digest-lane.ts";
import { foreignFormat, LONGEST_MAGIC } from "./foreign-format.ts";

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

  constructor(file: FileHandle, name: string, bytes: number, modified: bigint) {
    this.name = name;
    this.bytes = bytes;
    this.#file = file;
    this.#modified = modified;
  }

  async readAll(take: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<SnapshotDigests> {
    const lane = digestLane(this.bytes);
    // A read that an error elsewhere leaves behind must have ended before its memory and its file go.
    let ahead: Promise<Uint8Array<ArrayBuffer>> = Promise.resolve(new Uint8Array(0));
    try {
      ahead = this.#read(await lane.buffer(), 0);
      for (let at = 0; at < this.bytes;) {
        signal.throwIfAborted();
        const chunk = await ahead;
        at += chunk.length;
        if (chunk.length === 0) throw this.#changed();
        // The disk reads on while these bytes are looked at.
        if (at < this.bytes) ahead = this.#read(await lane.buffer(), at);
        take(chunk);
        lane.give(chunk);
      }
      const digests = await lane.digests();
      await this.#requireUnchanged();
      return digests;
    } finally {
      await ahead.catch(() => undefined);
      await lane.close();
    }
  }

  async readSpans(spans: readonly ByteSpan[], take: (bytes: Uint8Array, index: number) => void, signal: AbortSignal): Promise<void> {
    for (const [index, { at, length }] of spans.entries()) {
      signal.throwIfAborted();
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const { bytesRead } = await this.#try(this.#file.read(bytes, filled, length - filled, at + filled));
        if (bytesRead === 0) throw this.#changed();
        filled += bytesRead;
      }
      take(bytes, index);
    }
    await this.#requireUnchanged();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #read(buffer: ArrayBuffer, at: number): Promise<Uint8Array<ArrayBuffer>> {
    const wanted = Math.min(buffer.byteLength, this.bytes - at);
    const { bytesRead } = await this.#try(this.#file.read(new Uint8Array(buffer), 0, wanted, at));
    return new Uint8Array(buffer, 0, bytesRead);
  }

  async #requireUnchanged(): Promise<void> {
    const { size, mtimeNs } = await this.#try(this.#file.stat({ bigint: true }));
    if (Number(size) !== this.bytes || mtimeNs !== this.#modified) throw this.#changed();
  }

  #changed(): LifeboatError {
    return new LifeboatError("input/changed", `${this.name} was written to while it was read`, {
      hint: "wait until it is written; of a member that runs take a snapshot instead of its database",
    });
  }

  async #try<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw readFailure(error, this.name);
    }
  }
}

function openFailure(error: unknown, name: string): Error {
  if (error instanceof LifeboatError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR")
    return new LifeboatError("input/not-found", `there is no file ${name}`, { hint: REFS, cause: error });
  return readFailure(error, name);
}

function readFailure(error: unknown, name: string): LifeboatError {
  return new LifeboatError("input/unusable", `cannot read ${name}: ${messageOf(error)}`, {
    hint: "see that the file may be read and its disk works",
    cause: error,
  });
}
