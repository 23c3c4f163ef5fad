import { createHash } from "node:crypto";
import type { BlobInfo, BlobStore } from "./blob-store.ts";

/** One question about what is there, and the digest of the answer. */
export interface Asked {
  readonly what: "objects" | "folders";
  readonly prefix: string;
  /** Of names, sizes, times and tags; empty where nothing is there. */
  readonly digest: string;
}

/**
 * A store whose listings are asked once each, for whoever looks at one cluster from many sides: what lies below a prefix that was listed is told from that, and nothing is looked for in a folder that is not among its neighbours. It
 * remembers what it was asked, so that another run can tell by the same questions whether anything has changed. All other calls are the store's own.
 */
export class ListedOnce {
  readonly blobs: BlobStore;
  readonly #store: BlobStore;
  readonly #signal: AbortSignal | undefined;
  readonly #objects = new Map<string, Promise<readonly BlobInfo[]>>();
  readonly #folders = new Map<string, Promise<readonly string[]>>();
  readonly #asked = new Map<string, Asked>();
  readonly #read = new Set<string>();

  constructor(store: BlobStore, signal?: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
    const objects = (prefix: string): Promise<readonly BlobInfo[]> => this.objects(prefix);
    const folders = (prefix: string): Promise<readonly string[]> => this.folders(prefix);
    this.blobs = {
      location: store.location,
      put: (key, body, options) => store.put(key, body, options),
      get: (key, options) => {
        this.#read.add(key);
        return store.get(key, options);
      },
      head: (key, options) => store.head(key, options),
      checksum: (key, options) => store.checksum(key, options),
      presign: (key, options) => store.presign(key, options),
      list: (prefix) => eachOf(() => objects(prefix)),
      listFolders: (prefix) => eachOf(() => folders(prefix)),
      listVersions: (prefix, options) => store.listVersions(prefix, options),
      remove: (key, options) => store.remove(key, options),
      lockOf: (key, options) => store.lockOf(key, options),
      extendLock: (key, version, until, options) => store.extendLock(key, version, until, options),
      listUnfinished: (options) => store.listUnfinished(options),
      removeUnfinished: (id) => store.removeUnfinished(id),
      removeAbandoned: () => store.removeAbandoned(),
    };
  }

  /** Everything that was asked of the store, in order. Undefined where something was read that no listing shows: then nothing tells whether it is still the same. */
  get asked(): readonly Asked[] | undefined {
    const prefixes = [...this.#objects.keys()];
    return [...this.#read].every((key) => prefixes.some((prefix) => key.startsWith(prefix))) ? [...this.#asked.values()] : undefined;
  }

  /** The names of all objects that were listed. */
  async *names(): AsyncGenerator<string, void, undefined> {
    for (const listed of this.#objects.values()) for (const { key } of await listed) yield key;
  }

  /** Whether the store answers as it did: asks the same again, up to the first answer that is another. */
  async answers(asked: readonly Asked[]): Promise<boolean> {
    for (const { what, prefix, digest } of asked) {
      if (what === "objects") await this.objects(prefix);
      else await this.folders(prefix);
      if (this.#asked.get(`${what} ${prefix}`)?.digest !== digest) return false;
    }
    return true;
  }

  async objects(prefix: string): Promise<readonly BlobInfo[]> {
    const known = this.#objects.get(prefix);
    if (known !== undefined) return known;
    for (const [wider, listed] of this.#objects)
      if (prefix.startsWith(wider)) return (await listed).filter(({ key }) => key.startsWith(prefix));
    if (await this.#isNowhere(prefix)) return [];
    const answer = this.#listObjects(prefix);
    this.#objects.set(prefix, answer);
    // What failed is asked anew by the next one.
    answer.catch(() => this.#objects.delete(prefix));
    return answer;
  }

  async folders(prefix: string): Promise<readonly string[]> {
    const known = this.#folders.get(prefix);
    if (known !== undefined) return known;
    if (await this.#isNowhere(prefix)) return [];
    const answer = this.#listFolders(prefix);
    this.#folders.set(prefix, answer);
    answer.catch(() => this.#folders.delete(prefix));
    return answer;
  }

  /** Whether the folder that all keys with this prefix lie in is not there, by a list of folders that was asked for. */
  async #isNowhere(prefix: string): Promise<boolean> {
    for (const [above, listed] of this.#folders) {
      const end = prefix.startsWith(above) ? prefix.indexOf("/", above.length) : -1;
      if (end >= 0 && !(await listed).includes(prefix.slice(0, end + 1))) return true;
    }
    return false;
  }

  async #listObjects(prefix: string): Promise<readonly BlobInfo[]> {
    const listed: BlobInfo[] = [];
    let lines = "";
    for await (const info of this.#store.list(prefix, { signal: this.#signal })) {
      listed.push(info);
      lines += `${info.key.slice(prefix.length)} ${info.bytes} ${info.modified.getTime()} ${info.tag ?? ""}\n`;
    }
    this.#note("objects", prefix, lines);
    return listed;
  }

  async #listFolders(prefix: string): Promise<readonly string[]> {
    const listed: string[] = [];
    for await (const folder of this.#store.listFolders(prefix, { signal: this.#signal })) listed.push(folder);
    this.#note("folders", prefix, listed.join("\n"));
    return listed;
  }

  #note(what: Asked["what"], prefix: string, lines: string): void {
    const digest = lines === "" ? "" : createHash("sha256").update(lines).digest("base64");
    this.#asked.set(`${what} ${prefix}`, { what, prefix, digest });
  }
}

async function* eachOf<T>(list: () => Promise<readonly T[]>): AsyncGenerator<T, void, undefined> {
  for (const each of await list()) yield each;
}
