import type { Stored } from "../documents/stored.ts";
import type { BlobStore } from "./blob-store.ts";

/** Another store that keeps the same snapshots, under the same keys and with the same bytes. */
export interface Replica {
  /** As the configuration calls it. */
  readonly name: string;
  readonly blobs: BlobStore;
  /** How data gets there where it is no objects, which are copied one by one. */
  readonly mirror?: RepositoryMirror;
}

/** A repository of a backup program that is copied as a whole. Errors as those of a SnapshotRepository. */
export interface RepositoryMirror {
  /** The keys that stand for whole snapshots of ours (see kopiaDataKey), in the store's repository and in the copy, which must be there. */
  list(): Promise<{ readonly inStore: ReadonlySet<string>; readonly here: ReadonlySet<string> }>;
  /**
   * Copies what is not there yet. Nothing that is there is overwritten or deleted, but a snapshot that the store's repository deleted is listed there no more. `mustExist`: a copy was there before.
   * `store/other` where something else is there, `store/missing` where the copy is gone. A run that ended early is taken up by the next one.
   */
  copy(options: { readonly mustExist: boolean }, signal?: AbortSignal): Promise<void>;
  /** Holds the copy of a snapshot against its manifest, and has the program look whether all of it is there: `verify/...`. In a folder its bytes are read. */
  check(stored: Stored, signal?: AbortSignal): Promise<void>;
}
