import type { FileHandle } from "node:fs/promises";
import { LifeboatError } from "../../errors.ts";

/** 1 MiB: large enough that the round trip to the thread pool does not show, small enough for two to be in flight. */
const READ_BYTES = 1024 * 1024;

/**
 * The bytes from `start` to before `end` of a file, the next piece being read while the caller works on one. Throws
 * `store/failed` where the file ends before `end`. The caller closes the handle, after this has ended.
 */
export async function* readFile(handle: FileHandle, start: number, end: number, what: string): AsyncGenerator<Uint8Array, void, undefined> {
  const read = async (position: number): Promise<Uint8Array> => {
    const wanted = Math.min(READ_BYTES, end - position);
    const { bytesRead, buffer } = await handle.read(new Uint8Array(wanted), 0, wanted, position);
    if (bytesRead > 0) return buffer.subarray(0, bytesRead);
    throw new LifeboatError("store/failed", `${what} was cut short at byte ${position} while it was read`, {
      hint: "something else writes to the store: find out what, then run lifeboat verify",
    });
  };
  let position = start;
  let ahead = position < end ? read(position) : undefined;
  try {
    while (ahead !== undefined) {
      const bytes = await ahead;
      position += bytes.length;
      ahead = position < end ? read(position) : undefined;
      // The consumer may be busy for long: a failure of the read ahead is heard when it is awaited, not before.
      ahead?.catch(() => undefined);
      yield bytes;
    }
  } finally {
    // Leaving while a read is under way: the handle must stay open until it is done.
    await ahead?.catch(() => undefined);
  }
}
