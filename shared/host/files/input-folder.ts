import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError, messageOf } from "../../errors.ts";
import { errnoOf } from "../../folders.ts";

/** Files of one folder, by name: no link is followed out of it, and nothing but a regular file is opened. */
export class InputFolder {
  readonly location: string;
  readonly #path: string;

  constructor(path: string, location: string) {
    this.#path = path;
    this.location = location;
  }

  async names(): Promise<readonly string[]> {
    return readdir(this.#path).catch((error: unknown) => {
      const isAbsent = ["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "");
      throw new LifeboatError(
        isAbsent ? "input/not-found" : "input/unusable",
        isAbsent ? `there is no folder ${this.location}` : `cannot read ${this.location}: ${messageOf(error)}`,
        {
          hint: "name a folder that you may read",
          cause: error,
        },
      );
    });
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array> {
    await using file = await this.#open(name);
    const { size } = await file.stat();
    if (size > maxBytes) throw new LifeboatError("verify/size", `${name} in ${this.location} is larger than ${maxBytes} bytes`);
    return file.readFile();
  }

  async *stream(name: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    await using file = await this.#open(name);
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024, signal })) yield chunk as Uint8Array;
  }

  async #open(name: string): Promise<FileHandle> {
    const what = `${name} in ${this.location}`;
    try {
      // Without waiting for the other end of a pipe.
      const file = await open(join(this.#path, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      if ((await file.stat()).isFile()) return file;
      await file.close();
    } catch (error) {
      if (errnoOf(error) === "ENOENT")
        throw new LifeboatError("verify/missing", `there is no ${what}`, {
          hint: "a bundle has NAME.tar, NAME.tar.sig, bundle.pub and the payload",
          cause: error,
        });
      if (errnoOf(error) !== "ELOOP")
        throw new LifeboatError("input/unusable", `cannot read ${what}: ${messageOf(error)}`, { cause: error });
    }
    throw new LifeboatError("input/unusable", `${what} is no regular file`, { hint: "put the file itself there" });
  }
}
