import { constants } from "node:fs";
import type { Stats } from "node:fs";
import { lstat, readdir, unlink } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { RandomBytes } from "../../clock.ts";
import { LifeboatError } from "../../errors.ts";
import { errnoOf, syncFolder } from "../../folders.ts";
import { isDead, MARK, markInName } from "../../process-mark.ts";
import { requireKey, requirePrefix } from "../blob-key.ts";
import type {
  BlobInfo,
  BlobStore,
  BlobVersion,
  ByteRange,
  PutOptions,
  PutReceipt,
  ReadOptions,
  RemoveOptions,
  UnfinishedPut,
} from "../blob-store.ts";
import { BodyReader, throwIfAborted } from "../body-reader.ts";
import { requireRange } from "../byte-range.ts";
import { diskError, linkError } from "./disk-errors.ts";
import { discard, INCOMING, publish, publishIfAbsent, receive, type Incoming } from "./incoming.ts";
import type { HeldFolder } from "./held-folder.ts";
import { findObject, findPlace, makePlace, modesBelow, rootIsThere, split } from "./places.ts";
import { OpenFile, readFile } from "./read-file.ts";
import { SharedFolders } from "./shared-folders.ts";
import { foldersBelow, walk } from "./walk.ts";

/** What #receive calls a file: the mark of its writer, and 32 random digits; an older lifeboat wrote only those. */
const UNFINISHED_NAME = new RegExp(`^(?:(${MARK.source})-)?[0-9a-f]{32}$`);

/**
 * Objects as files below a folder: the key is the path. Folders are 0700 and files 0600, or the group's as well in a shared store (modesBelow). A put goes to a file in `.lifeboat/incoming`, is flushed, and
 * takes its name in one step. A folder that does not exist reads as an empty store; the first put makes it.
 */
export class DirectoryBlobStore implements BlobStore {
  readonly location: string;
  readonly #root: string;
  readonly #random: RandomBytes;
  readonly #folders: SharedFolders;
  #mark: Promise<string> | undefined;

  /** `random` names unfinished files, so that writers on several hosts do not meet. */
  constructor(root: string, random: RandomBytes) {
    this.location = root;
    this.#root = root;
    this.#random = random;
    this.#folders = new SharedFolders(root);
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<PutReceipt> {
    const doing = `put of ${key} in ${this.location}`;
    const reader = new BodyReader(body, doing, options.signal);
    try {
      requireKey(key, this.location);
      throwIfAborted(doing, options.signal);
      if (options.ifAbsent === true && (await this.head(key)) !== undefined) throw this.#exists(key);
      await using folder = await this.#onDisk(`write ${key}`, () => makePlace(this.#root, INCOMING));
      const incoming = await this.#receive(folder, key, reader);
      try {
        throwIfAborted(doing, options.signal);
        await this.#publish(key, incoming, options.ifAbsent === true);
      } catch (error) {
        await discard(incoming.path);
        throw error;
      }
      return { key, bytes: incoming.bytes };
    } finally {
      await reader.close();
    }
  }

  async *get(key: string, options: ReadOptions & { readonly range?: ByteRange } = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const what = `${key} in ${this.location}`;
    requireKey(key, this.location);
    if (options.range !== undefined) requireRange(options.range, key, this.location);
    throwIfAborted(`reading ${what}`, options.signal);
    using file = await this.#onDisk(`open ${key}`, () => this.#open(key));
    if (file === undefined) throw this.#missing(key);
    try {
      const stats = file.stat();
      // A folder is no object, nor is anything else that only looks like a file's name.
      if (!stats.isFile()) throw this.#missing(key);
      const { size } = stats;
      const chunks = readFile(file, options.range?.start ?? 0, Math.min(size, options.range?.end ?? size), what);
      for await (const chunk of chunks) {
        yield chunk;
        throwIfAborted(`reading ${what}`, options.signal);
      }
    } catch (error) {
      throw diskError(error, `read ${key}`, this.location);
    }
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    requireKey(key, this.location);
    const object = await this.#onDisk(`look at ${key}`, () => findObject(this.#root, key));
    if (object === undefined) return undefined;
    await using _folder = object.folder;
    return { key, bytes: object.stats.size, modified: object.stats.mtime };
  }

  async checksum(key: string, options: ReadOptions = {}): Promise<number> {
    let sum = 0;
    for await (const chunk of this.get(key, options)) sum = crc32(chunk, sum);
    return sum;
  }

  /** A folder has no addresses. */
  async presign(key: string): Promise<undefined> {
    requireKey(key, this.location);
  }

  async *list(prefix: string, { signal }: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<BlobInfo, void, undefined> {
    requirePrefix(prefix, this.location);
    const doing = `listing ${this.location}`;
    throwIfAborted(doing, signal);
    try {
      let isEmpty = true;
      for await (const group of walk(this.#root, prefix)) {
        for (const info of group) {
          isEmpty = false;
          throwIfAborted(doing, signal);
          yield info;
        }
      }
      // Throws where the root is no folder; where something was found it is one.
      if (isEmpty) await rootIsThere(this.#root);
    } catch (error) {
      throw diskError(error, `list ${prefix === "" ? "everything" : prefix}`, this.location);
    }
  }

  async *listFolders(prefix: string, { signal }: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<string, void, undefined> {
    requirePrefix(prefix, this.location);
    const doing = `listing ${this.location}`;
    throwIfAborted(doing, signal);
    try {
      if (!(await rootIsThere(this.#root))) return;
      for (const folder of await foldersBelow(this.#root, prefix)) {
        throwIfAborted(doing, signal);
        yield folder;
      }
    } catch (error) {
      throw diskError(error, `list the folders of ${prefix === "" ? "everything" : prefix}`, this.location);
    }
  }

  /** A file has one version, which has no name. */
  async *listVersions(prefix: string, options: Pick<ReadOptions, "signal"> = {}): AsyncGenerator<BlobVersion, void, undefined> {
    for await (const info of this.list(prefix, options)) yield { ...info, isLatest: true, isDeleteMarker: false };
  }

  /** `version` is passed over: there is one only. */
  async remove(key: string, { signal }: RemoveOptions = {}): Promise<void> {
    requireKey(key, this.location);
    throwIfAborted(`remove of ${key} in ${this.location}`, signal);
    await this.#onDisk(`remove ${key}`, async () => {
      const object = await findObject(this.#root, key);
      if (object === undefined) return;
      await using folder = object.folder;
      await unlessGone(unlink(object.path));
      await syncFolder(folder.path);
    });
  }

  /** A folder has no locks: whoever owns it may remove what is in it. */
  async lockOf(key: string): Promise<undefined> {
    requireKey(key, this.location);
  }

  async extendLock(key: string): Promise<never> {
    requireKey(key, this.location);
    throw new LifeboatError("store/no-locks", `${key} in ${this.location} cannot be locked: a folder has no locks`, {
      hint: "keep a replica in a bucket with Object Lock: docs/cli.md, A bucket for the store",
    });
  }

  async *listUnfinished(): AsyncGenerator<UnfinishedPut, void, undefined> {
    for (const { name, stats } of await this.#unfinished()) yield { id: name, bytes: stats.size, modified: stats.mtime };
  }

  async removeUnfinished(id: string): Promise<void> {
    if (!UNFINISHED_NAME.test(id))
      throw new LifeboatError("store/failed", `${JSON.stringify(id)} is not an unfinished put of ${this.location}`);
    await this.#onDisk(`remove unfinished put ${id}`, async () => {
      await using folder = await findPlace(this.#root, INCOMING);
      if (folder !== undefined) await unlessGone(unlink(`${folder.path}/${id}`));
    });
  }

  async removeAbandoned(): Promise<number> {
    let removed = 0;
    for (const { name, stats } of await this.#unfinished()) {
      const [, mark] = UNFINISHED_NAME.exec(name) ?? [];
      if (mark === undefined || stats.uid !== process.geteuid?.() || (await isDead(mark)) !== true) continue;
      await this.removeUnfinished(name);
      removed += 1;
    }
    return removed;
  }

  /** Ascending by name. */
  #unfinished(): Promise<readonly { readonly name: string; readonly stats: Stats }[]> {
    return this.#onDisk("list unfinished puts", async () => {
      await using folder = await findPlace(this.#root, INCOMING);
      const found: { name: string; stats: Stats }[] = [];
      for (const name of folder === undefined ? [] : (await readdir(folder.path)).toSorted()) {
        const stats = UNFINISHED_NAME.test(name) ? await unlessGone(lstat(`${folder?.path}/${name}`)) : undefined;
        if (stats?.isFile() === true) found.push({ name, stats });
      }
      return found;
    });
  }

  /** The file at `key`, whatever it is; undefined where nothing is there. */
  #open(key: string): Promise<OpenFile | undefined> {
    const { folders, name } = split(key);
    return this.#folders.use(folders, async (folder) => {
      if (folder === undefined) return undefined;
      try {
        return await unlessGone(OpenFile.open(`${folder.path}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
      } catch (error) {
        // A pipe that nobody writes to would wait for ever, but for O_NONBLOCK.
        if (errnoOf(error) === "ELOOP") throw linkError(key, this.#root);
        throw error;
      }
    });
  }

  async #receive(folder: HeldFolder, key: string, reader: BodyReader): Promise<Incoming> {
    const { name, file } = await this.#onDisk(`write ${key}`, async () => {
      this.#mark ??= markInName();
      const digits = Buffer.from(this.#random(16)).toString("hex");
      return { name: `${await this.#mark}-${digits}`, file: (await modesBelow(this.#root)).file };
    });
    return receive(`${folder.path}/${name}`, file, reader, `write ${key}`, this.location);
  }

  async #publish(key: string, incoming: Incoming, ifAbsent: boolean): Promise<void> {
    const { folders, name } = split(key);
    const done = await this.#onDisk(`put ${key} in its place`, async () => {
      await using folder = await makePlace(this.#root, folders);
      const target = `${folder.path}/${name}`;
      if (ifAbsent) return await publishIfAbsent(incoming, folder.path, target);
      await publish(incoming, folder.path, target);
      return true;
    });
    if (!done) throw this.#exists(key);
  }

  async #onDisk<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw diskError(error, doing, this.location);
    }
  }

  #exists(key: string): LifeboatError {
    return new LifeboatError("store/exists", `${key} is already in ${this.location}`);
  }

  #missing(key: string): LifeboatError {
    return new LifeboatError("verify/missing", `${key} is not in ${this.location}`, {
      hint: "see with lifeboat ls what is there, and that the configured path is the right one",
    });
  }
}

/** What `work` gives; undefined where the file went away between being found and being touched. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
