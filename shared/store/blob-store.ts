import { LifeboatError } from "../errors.ts";

/** The port to where objects are kept: a folder, an S3 bucket. Contract suite: test/contract/blob-store.ts. */

export interface BlobInfo {
  readonly key: string;
  readonly bytes: number;
  readonly modified: Date;
  /** Of a listing, where the store can tell: another whenever something else was put under the key since, also at the same time and of the same size. */
  readonly tag?: string;
  /** The version that stands under the key, where the store has versions and was asked for this one object. */
  readonly version?: string;
}

/** What a put has stored. */
export interface PutReceipt {
  readonly key: string;
  readonly bytes: number;
  /** Names these very bytes, also once others stand under the key; absent where the store has no versions. */
  readonly version?: string;
}

/** One version of an object, as `listVersions` shows it; in a store without versions the object itself. */
export interface BlobVersion extends BlobInfo {
  /** What `get`, `head`, `remove` and `extendLock` take to name it, and it alone; undefined where the store has no versions. S3 calls one from before there were versions "null". */
  readonly version?: string;
  /** Whether it is what stands under the key: for a delete marker, that nothing seems to. */
  readonly isLatest: boolean;
  /** A delete marker has no bytes, and hides the versions before it from `list`, `head` and `get`. */
  readonly isDeleteMarker: boolean;
}

/** What keeps a version from being removed. */
export interface BlobLock {
  /** When its retention ends; undefined where only a legal hold keeps it, or the store does not say. */
  readonly until: Date | undefined;
  /** A person put it on hold, and only a person takes that away: it has no end. */
  readonly legalHold: boolean;
}

/** A put that was begun and is not done: it still runs somewhere, or was left by a process that died. */
export interface UnfinishedPut {
  readonly id: string;
  readonly bytes: number;
  /** When it last gave a sign of life, where the store can tell, else when it began. */
  readonly modified: Date;
}

export interface PutOptions {
  /** Fail with `store/exists`, and change nothing, where the key is already there. Decided atomically, also between hosts. */
  readonly ifAbsent?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ByteRange {
  /** Offset of the first byte. */
  readonly start: number;
  /** Offset after the last byte; an end past the object's end reads to its end. */
  readonly end: number;
}

export interface ReadOptions {
  /** As a put's receipt named it: these bytes, whatever stands under the key now. A store without versions passes it over. */
  readonly version?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RemoveOptions {
  /** As `listVersions` named it: this one alone. */
  readonly version?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Signalled {
  readonly signal?: AbortSignal | undefined;
}

export interface PresignOptions extends ReadOptions {
  /** Until when the URL is wanted. It ends sooner where the store, or the credentials that sign it, allow no more. */
  readonly until: Date;
}

/** An address from which anybody reads one object, without credentials. A secret for as long as it lasts: never for a log or an error. */
export interface PresignedUrl {
  readonly url: string;
  /** When it ends by its own word, or by that of the credentials that sign it, whichever is first. */
  readonly until: Date;
  /** A session signed it that does not say when it ends: the URL ends with the session. */
  readonly mayEndSooner: boolean;
}

/**
 * Keys are relative paths of segments from [A-Za-z0-9._@-] that do not begin with a dot, at most 255 bytes each and 512 in all; any other is a
 * `store/failed`, and so is a range that is none. No key is a folder of another: "a" and "a/b" do not stand side by side.
 *
 * A store may have versions: a put then adds one to those under the key, and each is there until it is removed by its name. Its versions may be locked against removal for a time (S3 Object Lock).
 *
 * Errors: `store/denied` (credentials, permissions), `store/full`, `store/failed` (all else; retryable), `store/exists`, `store/locked` (its `lock` says until when),
 * `store/no-locks`, `verify/missing` (no such key), `interrupted` (the signal; its reason is the cause).
 */
export interface BlobStore {
  /** For people: where this is. Holds no secret. */
  readonly location: string;

  /**
   * Stores what `body` yields under `key`. The object is visible, whole and durable, when the promise resolves, and not at all
   * before. Where `body` throws, the store fails or the signal aborts, nothing of this call is visible, what was there
   * before is untouched, `body` is closed (its `return` is called), and the error is passed on. Back-pressure: `body` is pulled no faster than written,
   * and a piece is the body's again once the next one is pulled.
   * After a lost acknowledgement the call looks and answers by what is there.
   */
  put(key: string, body: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<PutReceipt>;

  /** The bytes of `key`, or of `range` in it. Errors come when iterated. Leaving the loop early frees what is held. */
  get(key: string, options?: ReadOptions & { readonly range?: ByteRange }): AsyncIterable<Uint8Array>;

  /** Undefined where there is no such key, or not in that version. */
  head(key: string, options?: ReadOptions): Promise<BlobInfo | undefined>;

  /**
   * The CRC-32 (ISO-HDLC, as zlib's; unsigned) of the object as the store vouches for it: S3 answers from the checksum it
   * keeps, a folder reads the file.
   */
  checksum(key: string, options?: ReadOptions): Promise<number>;

  /**
   * An address that gives this version alone, whatever stands under the key later. Undefined where the store can give none. Whether the object is there, and may be read by these credentials, is not looked at: the URL's own
   * answer tells.
   */
  presign(key: string, options: PresignOptions): Promise<PresignedUrl | undefined>;

  /** Every object whose key begins with `prefix`, in ascending order of the key's UTF-8 bytes. Unfinished puts are not there. */
  list(prefix: string, options?: Signalled): AsyncIterable<BlobInfo>;

  /**
   * The folders that `prefix` begins and that end at its next slash ("clusters/" gives "clusters/prod/"), in ascending order of their bytes, without a look at what is deeper.
   * Each has an object, or had one: where all versions below it are hidden, or a file system keeps its folders, it may be given or not.
   */
  listFolders(prefix: string, options?: Signalled): AsyncIterable<string>;

  /**
   * Every version whose key begins with `prefix`, also what `list` does not show: those that a later one or a delete marker hides. Ascending by key as `list`; of one key the latest comes first. In constant memory.
   * A store without versions has one of each key, without a `version`.
   */
  listVersions(prefix: string, options?: Signalled): AsyncIterable<BlobVersion>;

  /**
   * Removes for good the version that `version` names, or without one every version of `key` and what hides them. Nothing happens where it is not there. When the promise resolves it is gone, by the store's own answer. Throws
   * `store/locked` for a version that is locked: it stays, and stands under its key as before. Without `version` the oldest go first, so that what stands there when one of them is refused is what stood there before.
   * A lock is never bypassed, and no delete marker is left.
   */
  remove(key: string, options?: RemoveOptions): Promise<void>;

  /** What keeps a version (without one: what stands under the key) from being removed; undefined where nothing does, or it is not there. */
  lockOf(key: string, options?: ReadOptions): Promise<BlobLock | undefined>;

  /**
   * Locks a version (undefined: what stands under the key) at least until `until`, and gives the time until which it is locked. A lock that ends later already stays as it is: none is ever shortened, and its mode stays.
   * Throws `store/no-locks` where the store has none, `verify/missing` where it is not there.
   */
  extendLock(key: string, version: string | undefined, until: Date, options?: Signalled): Promise<Date>;

  /** Puts of any process that are not done. */
  listUnfinished(options?: Signalled): AsyncIterable<UnfinishedPut>;

  /** Throws away what an unfinished put has brought; nothing happens where it is gone. A put that still runs then fails with `store/failed`. */
  removeUnfinished(id: string): Promise<void>;

  /** The same with what dead processes of this host and user left, and nothing else; how many there were. None where the store cannot tell whose they are. */
  removeAbandoned(): Promise<number>;
}

/** The whole of a small object, or of one version of it; `verify/size` where it is larger than `maxBytes`. */
export async function readSmall(
  store: BlobStore,
  key: string,
  maxBytes: number,
  signal?: AbortSignal,
  version?: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of store.get(key, { signal, version })) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new LifeboatError("verify/size", `${key} in ${store.location} is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const [first] = chunks;
  // Most often there is one, and it needs no copy.
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
