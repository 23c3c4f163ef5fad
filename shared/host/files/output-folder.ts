import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, syncFolder } from "../../folders.ts";
import { draftOf, exists, onDisk } from "./output-file.ts";

/** A file of a folder that is written at once: its bytes in pieces, or as they come. */
export interface OutputFile {
  /** With the names of folders before it, where it is to be in some. */
  readonly name: string;
  readonly bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Throws `output/exists` where something is at `path` that is no empty folder. */
export async function requireNewFolder(path: string): Promise<void> {
  const entries = await readdir(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return [];
    throw exists(path, error);
  });
  if (entries.length > 0) throw exists(path);
}

/**
 * Makes the folder `path` (mode 0700) with `files` in it (mode 0600): it is there only when all of it is whole and durable, and takes the place of nothing but an empty folder (`output/exists`). Whatever fails, nothing is left. `advance` is told of bytes as they are written.
 */
export async function writeFolder(
  path: string,
  files: readonly OutputFile[],
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<void> {
  await using folder = await FolderDraft.begin(path);
  for (const file of files) await folder.add(file, signal, advance);
  await folder.finish();
}

/** A folder that `writeFolder` would write, where its files come one after the other. Disposed of unfinished it leaves nothing. */
export class FolderDraft implements AsyncDisposable {
  readonly #path: string;
  readonly #draft: string;
  /** Those that were made in it. */
  readonly #folders = new Set<string>();

  private constructor(path: string, draft: string) {
    this.#path = path;
    this.#draft = draft;
  }

  static async begin(path: string): Promise<FolderDraft> {
    await requireNewFolder(path);
    const draft = await draftOf(path);
    await onDisk(path, () => mkdir(draft, { mode: 0o700 }));
    return new FolderDraft(path, draft);
  }

  async add({ name, bytes }: OutputFile, signal: AbortSignal, advance: (bytes: number) => void): Promise<void> {
    await this.#makeFolder(dirname(name));
    await using file = await onDisk(this.#path, () => open(join(this.#draft, name), "wx", 0o600));
    for await (const piece of bytes) {
      signal.throwIfAborted();
      await onDisk(this.#path, () => file.writeFile(piece));
      advance(piece.length);
    }
    await onDisk(this.#path, () => file.sync());
  }

  async finish(): Promise<void> {
    for (const each of this.#folders) await onDisk(this.#path, () => syncFolder(join(this.#draft, each)));
    await onDisk(this.#path, () => syncFolder(this.#draft));
    // Takes the place of an empty folder, and of nothing else.
    await rename(this.#draft, this.#path).catch((error: unknown) => {
      if (["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(errnoOf(error) ?? "")) throw exists(this.#path, error);
      return onDisk(this.#path, () => Promise.reject(error instanceof Error ? error : new Error(String(error))));
    });
    await onDisk(this.#path, () => syncFolder(dirname(this.#path)));
  }

  async #makeFolder(name: string): Promise<void> {
    if (name === "." || this.#folders.has(name)) return;
    await this.#makeFolder(dirname(name));
    await onDisk(this.#path, () => mkdir(join(this.#draft, name), { mode: 0o700 }));
    this.#folders.add(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#draft, { recursive: true, force: true });
  }
}
