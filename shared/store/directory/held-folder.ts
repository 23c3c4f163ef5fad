import { constants } from "node:fs";
import { access, lstat, mkdir, open, type FileHandle } from "node:fs/promises";
import { errnoOf, syncFolder } from "../../folders.ts";
import { linkError } from "./disk-errors.ts";

/**
 * A folder that is held open. What is done below `path` is done in that very folder, also once somebody has put a link or another folder in its place: between the look at a folder and its use, whoever may write
 * to the one above could otherwise send a put, a read or a removal anywhere, with the rights of this process.
 *
 * Linux resolves /proc/self/fd/N to the open folder itself; Node has no openat(2). Where there is no /proc, `path` is the folder's name: links are refused there as they are found, and a swap is not noticed.
 */
export class HeldFolder implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle | undefined;

  private constructor(path: string, handle: FileHandle | undefined) {
    this.path = path;
    this.#handle = handle;
  }

  /** The root of a store, which may be a link itself: whoever configured it chose it. */
  static root(path: string): Promise<HeldFolder> {
    return HeldFolder.#open(path, 0);
  }

  /** The folder `name` in this one. Throws ENOENT and ENOTDIR, and what `linkError` gives where it is a symbolic link. */
  async below(name: string, asLink: () => Error): Promise<HeldFolder> {
    const path = `${this.path}/${name}`;
    const isLink = async (): Promise<boolean> => (await lstat(path)).isSymbolicLink();
    if (!(await hasDescriptors()) && (await isLink())) throw asLink();
    try {
      return await HeldFolder.#open(path, constants.O_NOFOLLOW);
    } catch (error) {
      // Of a link Linux says ENOTDIR here, as of a file.
      if ((errnoOf(error) === "ENOTDIR" || errnoOf(error) === "ELOOP") && (await isLink())) throw asLink();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }

  static async #open(path: string, flags: number): Promise<HeldFolder> {
    if (!(await hasDescriptors())) return new HeldFolder(path, undefined);
    const handle = await open(path, O_PATH | constants.O_DIRECTORY | flags);
    return new HeldFolder(`/proc/self/fd/${handle.fd}`, handle);
  }
}

/** open(2): takes no right to read the folder, as looking up a name in it takes none. The same number wherever Node runs on Linux. */
const O_PATH = 0o10000000;

let descriptors: Promise<boolean> | undefined;
function hasDescriptors(): Promise<boolean> {
  descriptors ??=
    process.platform === "linux"
      ? access("/proc/self/fd").then(
          () => true,
          () => false,
        )
      : Promise.resolve(false);
  return descriptors;
}

/** The folder `segments` below `root`, each held before the next is looked up. With `mode` what is missing is made, and flushed. */
export async function holdFolder(root: string, segments: readonly string[], mode?: number): Promise<HeldFolder> {
  let folder = await HeldFolder.root(root);
  for (const [index, segment] of segments.entries()) {
    await using above = folder;
    if (mode !== undefined) await makeIn(above, segment, mode);
    folder = await above.below(segment, () => linkError(segments.slice(0, index + 1).join("/"), root));
  }
  return folder;
}

async function makeIn(folder: HeldFolder, name: string, mode: number): Promise<void> {
  try {
    await mkdir(`${folder.path}/${name}`, { mode });
    await syncFolder(folder.path);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
}
