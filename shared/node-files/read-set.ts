import { parseKeyValues } from "../bundle/key-values.ts";
import { isClusterName, isNodeName } from "../documents/layout.ts";
import { parseUtc } from "../documents/slot.ts";
import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import { Bytes } from "./blocks.ts";
import { BLOCK, isEmpty, readEntryHeader } from "./header.ts";
import type { EntryHeader } from "./header.ts";
import { MAX_FILE_BYTES, MAX_PATH_BYTES, MAX_PATHS_BYTES, MAX_SET_ENTRIES } from "./limits.ts";
import { refusedSet } from "./refuse.ts";

/** A file of a set. */
export interface SetFile {
  /** As on the node: `/etc/kubernetes/pki/ca.crt`. */
  readonly path: string;
  readonly bytes: number;
  /** Permission bits. */
  readonly mode: number;
}

/** What the first entry of a set says. */
export interface SetHead {
  readonly cluster: string;
  readonly node: string;
  /** By the node's clock, to the second. */
  readonly collectedAt: Date;
}

export interface NodeFileSet extends SetHead {
  /** In the order of the tar. */
  readonly files: readonly SetFile[];
  readonly tar: { readonly bytes: number; readonly entries: number };
}

export interface ReadSetOptions {
  /** Names the set in messages. */
  readonly what: string;
  /** Whose it has to be: that is told before anything else is read. */
  readonly expected?: { readonly cluster: string; readonly node: string };
  /** Whether the content of a file is wanted. It is in memory while `take` runs. */
  readonly wants?: (file: SetFile) => boolean;
  /** What is taken is worth something only once the whole set was read. */
  readonly take?: (file: SetFile, content: Uint8Array) => void;
}

/** The first entry, and the folder of all others. */
const HEAD = "node-files";
const FILES = "files/";
const MAX_HEAD_BYTES = 4096;

/**
 * Reads the tar of a set (docs/format.md, "Node files") to its end, in chunks of any size, and believes nothing of it before that. Holds no more than the list of its files, and one content that is wanted. Throws `verify/format`
 * for anything but files and folders below `files/`, each once, within the limits, behind a first entry that says whose it is; errors of `chunks` pass unchanged. `chunks` is closed.
 */
export async function readNodeFileSet(chunks: AsyncIterable<Uint8Array>, options: ReadSetOptions): Promise<NodeFileSet> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    return await read(iterator, options);
  } finally {
    await iterator.return?.();
  }
}

async function read(chunks: AsyncIterator<Uint8Array>, { what, expected, wants, take }: ReadSetOptions): Promise<NodeFileSet> {
  const refused = (why: string): LifeboatError => refusedSet(what, why);
  const bytes = new Bytes(chunks, refused);
  const head = await readHead(bytes, refused);
  if (expected !== undefined) requireOwner(head, expected, refused);
  const names = new Names(refused);
  const files: SetFile[] = [];
  for (;;) {
    const block = await bytes.whole(BLOCK, "before its end");
    if (isEmpty(block)) break;
    const header = readEntryHeader(block, refused);
    const path = names.add(header);
    if (header.kind === "folder") continue;
    if (header.bytes > MAX_FILE_BYTES) throw refused(`${path} has ${header.bytes} bytes, more than ${MAX_FILE_BYTES}`);
    const file = { path, bytes: header.bytes, mode: header.mode };
    files.push(file);
    const where = `within ${path}`;
    if (wants?.(file) === true) take?.(file, await bytes.whole(file.bytes, where));
    else for await (const _ of bytes.take(file.bytes, where)) continue;
    if (!isEmpty(await bytes.whole(padding(file.bytes), where))) throw refused(`something stands behind ${path}`);
  }
  // A second block of zeros, and more of them up to a whole record of tar's.
  if (!isEmpty(await bytes.whole(BLOCK, "within its end"))) throw refused("something stands behind its end");
  for await (const piece of bytes.others()) if (!isEmpty(piece)) throw refused("something stands behind its end");
  if (bytes.taken % BLOCK !== 0) throw refused("it ends within a block");
  names.requireFolders(files);
  return { ...head, files, tar: { bytes: bytes.taken, entries: names.count } };
}

async function readHead(bytes: Bytes, refused: (why: string) => LifeboatError): Promise<SetHead> {
  const header = readEntryHeader(await bytes.whole(BLOCK, "within its first header"), refused);
  if (header.name !== HEAD || header.kind !== "file") throw refused(`its first entry is ${JSON.stringify(header.name)}, not ${HEAD}`);
  if (header.bytes > MAX_HEAD_BYTES) throw refused(`its first entry has ${header.bytes} bytes`);
  const content = await bytes.whole(header.bytes, "within its first entry");
  if (!isEmpty(await bytes.whole(padding(header.bytes), "behind its first entry")))
    throw refused("something stands behind its first entry");
  let values: ReadonlyMap<string, string>;
  try {
    values = parseKeyValues(content, "its first entry");
  } catch (error) {
    throw isLifeboatError(error) ? refused(error.message) : error;
  }
  const version = values.get("VERSION");
  if (version !== "1") throw refused(`it is of version ${version ?? "unknown"}, and this lifeboat reads version 1`);
  const [cluster = "", node = "", time = ""] = [values.get("CLUSTER"), values.get("NODE"), values.get("COLLECTED_AT")];
  if (!isClusterName(cluster)) throw refused("its first entry names no cluster");
  if (!isNodeName(node)) throw refused("its first entry names no node");
  const collectedAt = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(time) ? parseUtc(time) : undefined;
  if (collectedAt === undefined) throw refused("its first entry does not say when it was collected");
  return { cluster, node, collectedAt };
}

function requireOwner(
  head: SetHead,
  expected: { readonly cluster: string; readonly node: string },
  refused: (why: string) => LifeboatError,
): void {
  const [says, is] = [head, expected].map(({ cluster, node }) => `${cluster}/${node}`);
  if (says !== is) throw refused(`it says that it is of ${says}, and it was given for ${is}`);
}

function padding(bytes: number): number {
  return (BLOCK - (bytes % BLOCK)) % BLOCK;
}

/** The names in a set, each once. */
class Names {
  readonly #refused: (why: string) => LifeboatError;
  readonly #kinds = new Map<string, EntryHeader["kind"]>();
  #bytes = 0;

  constructor(refused: (why: string) => LifeboatError) {
    this.#refused = refused;
  }

  /** With the first entry. */
  get count(): number {
    return this.#kinds.size + 1;
  }

  /** The path on the node. */
  add({ name, kind }: EntryHeader): string {
    const plain = kind === "folder" ? name.replace(/\/$/, "") : name;
    // Tar makes an entry of the folder that all others are in.
    const path = plain === FILES.slice(0, -1) && kind === "folder" ? "/" : `/${this.#below(plain)}`;
    if (this.#kinds.has(path)) throw this.#refused(`${path} is in it twice`);
    if (this.count >= MAX_SET_ENTRIES) throw this.#refused(`it has more than ${MAX_SET_ENTRIES} entries`);
    this.#bytes += Buffer.byteLength(path);
    if (this.#bytes > MAX_PATHS_BYTES) throw this.#refused(`its paths are longer than ${MAX_PATHS_BYTES} bytes together`);
    this.#kinds.set(path, kind);
    return path;
  }

  #below(name: string): string {
    const shown = JSON.stringify(name.slice(0, MAX_PATH_BYTES));
    if (!name.startsWith(FILES)) throw this.#refused(`${shown} is not below ${FILES}`);
    const path = name.slice(FILES.length);
    if (Buffer.byteLength(name) > MAX_PATH_BYTES) throw this.#refused(`the name ${shown} is longer than ${MAX_PATH_BYTES} bytes`);
    // What a terminal would obey, and what would turn the text around it.
    if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(path)) throw this.#refused(`the name ${shown} has control characters`);
    if (path.split("/").some((part) => part === "" || part === "." || part === ".."))
      throw this.#refused(`the name ${shown} has an empty part, or one that leads elsewhere`);
    return path;
  }

  /** Nothing lies below a file, whichever of the two came first. */
  requireFolders(files: readonly SetFile[]): void {
    for (const path of this.#kinds.keys())
      for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
        if (this.#kinds.get(path.slice(0, at)) === "file") throw this.#refused(`${path} lies below a file`);
    if (files.length === 0) throw this.#refused("it has no files");
  }
}
