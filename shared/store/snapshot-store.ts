import type { Block } from "../blocks.ts";
import type { LifeboatError } from "../errors.ts";
import type { Stored } from "../documents/stored.ts";

/** The snapshot that bytes belong to: the context that its key is bound to. */
export interface SnapshotName {
  readonly cluster: string;
  readonly id: string;
}

/** A snapshot as etcd sent it. */
export interface SavedContent {
  readonly bytes: number;
  /** `sha256:` and hex. */
  readonly sha256: string;
}

/** A snapshot whose bytes were all taken but are not stored yet: the caller decides once the proof is known. Exactly one of the two is called. */
export interface PendingSnapshot {
  /** Why its key could not be wrapped under the key of a replica: it opens without, and not by that key. */
  readonly notWrapped: readonly LifeboatError[];
  /** Finishes the upload. Resolves when the bytes are durable; the manifest then names what it returns. `content` is what `save` took, as its caller hashed it to prove it. */
  commit(content: SavedContent): Promise<Stored>;
  /** Aborts the upload; nothing is left. Never throws. */
  drop(): Promise<void>;
}

export interface OpenOptions {
  /** What the manifest says that it opens to: no more is handed out. */
  readonly bytes: number;
  /** age identities to open with in place of the key ring's (break-glass). */
  readonly identities?: readonly string[];
  /** Told the SHA-256 (32 bytes) of each piece that the snapshot is kept in, in order: see `RandomReader`. Not called by a store that cannot read here and there. */
  readonly onPiece?: (digest: Uint8Array) => void;
  readonly signal?: AbortSignal;
}

/** What was sealed, read here and there: a snapshot, or what was put beside it. */
export interface RandomReader {
  /** Of its content: of a snapshot as etcd sent it. */
  readonly bytes: number;
  /** `length` of its bytes from `offset` on: a view that is not to be written to. Throws `verify/size` where they are not all there, else as `open` does. */
  readAt(offset: number, length: number): Promise<Uint8Array>;
  /** How many pieces it is kept in. */
  readonly pieces: number;
  /** The content of one, from 0. */
  piece(index: number): Promise<Uint8Array>;
  /** From now on no piece from `first` (0) on is read whose SHA-256, compressed as it is kept, is another than in `digests`, which has 32 bytes of each: `verify/sealed`. */
  requireDigests(digests: Uint8Array, first?: number): void;
  /** What `putBeside` put for this snapshot, opened by the same identity. Throws as `openAt` does. */
  beside(object: Pick<PutBeside, "key" | "bytes" | "sha256" | "version">): Promise<RandomReader | undefined>;
}

/** What goes beside a snapshot. */
export interface Pieces {
  readonly pieces: Iterable<Uint8Array>;
  /** One more, last of all; `digests` are as `requireDigests` takes them, of those before it. */
  readonly last: (digests: Uint8Array) => Uint8Array;
}

export interface PutBeside {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly version?: string;
  /** `sha256:` of the last piece, compressed: with it all of them can be held to what was put. */
  readonly last: string;
}

/** A snapshot as a sealed store would have it, for an identity that was made for this copy: docs/format.md, "The data object". */
export interface SealedCopy {
  /** With back-pressure; a piece is valid until the next one is asked for. Throws as `open` does, and is whole only when the iteration ends. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** As `addressTo` of the store, for this copy. */
  addressTo(recipients: readonly string[]): Promise<Uint8Array>;
}

/** The port to where snapshots are kept. Contract suite: test/contract/snapshot-store.ts. */
export interface SnapshotStore {
  /**
   * Takes `plaintext` to its end, with back-pressure, and resolves with the decision still open. Each block is released when it is no longer
   * needed. Where the source, the store, the keys or the signal fail, the upload is aborted, the source closed and the error passed on.
   */
  save(name: SnapshotName, plaintext: AsyncIterable<Block>, signal?: AbortSignal): Promise<PendingSnapshot>;

  /**
   * The snapshot's bytes as etcd sent them; a piece is valid until the next one is asked for. Throws `verify/...` at the first byte that is not what was stored; the
   * bytes before it were handed out already, so a caller must not take the output for whole until the iteration ends.
   * Throws `verify/size` as soon as there is more than `options.bytes`, and before anything is read where that is more than the configuration allows.
   */
  open(name: SnapshotName, stored: Stored, options: OpenOptions): AsyncIterable<Uint8Array>;

  /**
   * The same, of which only what is read is fetched. What it gives is authentic for whoever holds the snapshot's recipient, which is no secret, and nothing holds it against the manifest's digest: only
   * `requireDigests` does. Undefined for a snapshot of an older version, which can be read from its beginning alone; left out by a store that never can. Throws `verify/missing`, `verify/size`, and as `open` does.
   */
  openAt?(name: SnapshotName, stored: Stored, options: OpenOptions): Promise<RandomReader | undefined>;

  /**
   * Puts `pieces` under `key`, encrypted to those who may open the snapshot and nobody else, where nothing is; no key is needed for it. Throws as a put does, and what `pieces` throws; nothing is left then. Left out together with `openAt`.
   */
  putBeside?(stored: Stored, key: string, pieces: Pieces, signal?: AbortSignal): Promise<PutBeside>;

  /**
   * The snapshot's identity for `recipients`, as an age file that holds an age identity file: a comment that names the snapshot, and the identity. Whoever opens that opens this snapshot and no other; the identity
   * itself does not leave the store. The data is not read. Opens it with the key ring, as `open` does, and throws the same; `config/invalid` for recipients that age cannot encrypt to.
   */
  addressTo(name: SnapshotName, stored: Stored, recipients: readonly string[], signal?: AbortSignal): Promise<Uint8Array>;

  /**
   * In place of `addressTo`, where snapshots have no identity of their own, as in a Kopia repository, whose one password opens all of them: the snapshot is read and sealed anew. Left out where `addressTo` serves.
   */
  sealedCopy?(name: SnapshotName, stored: Stored, options: OpenOptions): Promise<SealedCopy>;

  /** Checks presence, size and the store's own checksum without decrypting: `verify/missing`, `verify/size`, `verify/checksum`. */
  check(stored: Stored, signal?: AbortSignal): Promise<void>;

  /**
   * What the store's own program says of the snapshot, after `open` has read its bytes: whether all that it needs is there. Left out by a store that is objects alone. Throws as `check` does.
   */
  checkBeside?(stored: Stored, signal?: AbortSignal): Promise<void>;

  /**
   * Sets, or takes away, the mark by which the store itself keeps the data of a pinned snapshot from other tools; nothing happens where it is so already. Left out by a store
   * that has none: the signed pin alone counts there.
   */
  hold?(name: SnapshotName, stored: Stored, isHeld: boolean): Promise<void>;

  /** Removes the bytes; nothing happens where they are gone. `verify/format` where `stored` is not of this snapshot. */
  remove(name: SnapshotName, stored: Stored): Promise<void>;
}
