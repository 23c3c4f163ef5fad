import { closeSync, fstatSync, open, read, readSync, type Stats } from "node:fs";
import { LifeboatError } from "../../errors.ts";
import { DiskPace } from "./disk-pace.ts";

/** 1 MiB: large enough that the round trip to the thread pool does not show, small enough for two to be in flight. */
const READ_BYTES = 1024 * 1024;

/** What is read at once where the file is in memory, as a document that was just opened most often is. Of more, another thread copies while this one works. */
const READ_AT_ONCE_BYTES = 64 * 1024;

const pace = new DiskPace();

/**
 * A file that is open to be read. Not a FileHandle: of ten thousand small files, every call to the thread pool counts. To open one and to read it may wait for a disk; what is asked of a file that is open does not.
 */
export class OpenFile implements Disposable {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static open(path: string, flags: number): Promise<OpenFile> {
    return new Promise((resolve, reject) => {
      open(path, flags, (error, fd) => {
        if (error === null) resolve(new OpenFile(fd));
        else reject(error);
      });
    });
  }

  stat(): Stats {
    return fstatSync(this.#fd);
  }

  /** How many bytes came into `buffer`, from `position` on. */
  async read(buffer: Uint8Array, position: number): Promise<number> {
    if (buffer.length <= READ_AT_ONCE_BYTES && pace.isQuick())
      return pace.time(() => readSync(this.#fd, buffer, 0, buffer.length, position));
    return await new Promise((resolve, reject) => {
      read(this.#fd, buffer, 0, buffer.length, position, (error, bytes) => {
        if (error === null) resolve(bytes);
        else reject(error);
      });
    });
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/**
 * The bytes from `start` to before `end` of a file, the next piece being read while the caller works on one. Throws
 * `store/failed` where the file ends before `end`. The caller closes the file, after this has ended.
 */
export async function* readFile(file: OpenFile, start: number, end: number, what: string): AsyncGenerator<Uint8Array, void, undefined> {
  const readAt = async (position: number): Promise<Uint8Array> => {
    const wanted = Math.min(READ_BYTES, end - position);
    const buffer = new Uint8Array(wanted);
    const bytes = await file.read(buffer, position);
    if (bytes > 0) return buffer.subarray(0, bytes);
    throw new LifeboatError("store/failed", `${what} was cut short at byte ${position} while it was read`, {
      hint: "something else writes to the store: find out what, then run lifeboat verify",
    });
  };
  let position = start;
  let ahead = position < end ? readAt(position) : undefined;
  try {
    while (ahead !== undefined) {
      const bytes = await ahead;
      position += bytes.length;
      ahead = position < end ? readAt(position) : undefined;
      // The consumer may be busy for long: a failure of the read ahead is heard when it is awaited, not before.
      ahead?.catch(() => undefined);
      yield bytes;
    }
  } finally {
    // Leaving while a read is under way: the file must stay open until it is done.
    await ahead?.catch(() => undefined);
  }
}
