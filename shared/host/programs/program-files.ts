import { constants, open, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { messageOf } from "../../errors.ts";
import { errnoOf } from "../../folders.ts";

/** Three times the largest of today: what is larger is something else, and would fill the memory. */
const MOST_BYTES = 64 * 1024 * 1024;

/** What lies at `path`, read once; why it cannot be taken, as the end of a sentence that begins with its path; undefined where nothing is there. */
export async function readProgram(path: string): Promise<Buffer | { readonly reason: string } | undefined> {
  try {
    // A pipe would wait for somebody who writes into it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile()) return { reason: "is no regular file" };
      if (status.size > MOST_BYTES) return { reason: `has ${status.size} bytes: more than any of these programs` };
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    return ["ENOENT", "ENOTDIR"].includes(errno) ? undefined : { reason: `cannot be read: ${messageOf(error)}` };
  }
}

/** What a package has beside its folder bin/, as tools/pack/platform-package.mjs makes it. */
export interface Companions {
  /** By absolute path, in hex. */
  readonly digests: ReadonlyMap<string, string>;
  readonly licences: string | undefined;
}

/** SHA256SUMS and THIRD-PARTY-LICENSES.txt, which lie in `folder` or the one above it. */
export async function companionsOf(folder: string): Promise<Companions> {
  const digests = new Map<string, string>();
  const licences: (string | undefined)[] = [];
  for (const place of [folder, dirname(folder)]) {
    const sums = await textOf(join(place, "SHA256SUMS"));
    for (const [, digest = "", file = ""] of (sums ?? "").matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm))
      digests.set(resolve(place, file), digest);
    licences.push(await textOf(join(place, "THIRD-PARTY-LICENSES.txt")));
  }
  return { digests, licences: licences.find((text) => text !== undefined) };
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
