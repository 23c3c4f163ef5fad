/** The port to a repository of a backup program, as `lifeboat kopia` looks after it: what an adapter that is opened by a password can tell and do. */

export interface RepositoryFacts {
  /** In hex, drawn when the repository was created. */
  readonly uniqueId: string;
  readonly splitter: string;
  readonly hash: string;
  readonly encryption: string;
  /** Free and whole bytes of a file system; undefined where nobody knows. */
  readonly volume: { readonly capacity: number; readonly available: number } | undefined;
  /** Object Lock, where the repository was created with it. */
  readonly blobRetention: { readonly mode: string; readonly periodMs: number } | undefined;
}

export interface RepositoryMaintenance {
  /** `user@host`: the only one whose maintenance runs. */
  readonly owner: string;
  /** Whether a full one extends the locks of what is still in use. */
  readonly extendsLocks: boolean;
  /** Undefined where none was run yet. */
  readonly nextQuick: Date | undefined;
  readonly nextFull: Date | undefined;
  /** The newest first. */
  readonly runs: readonly {
    readonly task: string;
    readonly start: Date;
    readonly end: Date;
    readonly success: boolean;
    readonly error: string | undefined;
    readonly counts: Readonly<Record<string, number>>;
  }[];
}

/** Errors: as those of a BlobStore; `keys/no-match` (not its password), `store/missing` (no repository there), `store/exists`, `busy` (another runs or owns the maintenance). */
export interface SnapshotRepository {
  /** For people: where it is. */
  readonly location: string;
  /** Makes it where there is nothing, with nothing that expires by itself and its maintenance ours. `store/exists` where something is. */
  create(): Promise<void>;
  /** Sets anew what `create` set, and makes its maintenance ours. */
  settle(): Promise<void>;
  status(): Promise<RepositoryFacts>;
  /** Whole snapshots of ours. */
  countSnapshots(): Promise<number>;
  maintenance(): Promise<RepositoryMaintenance>;
  /** Runs it now, safely beside writers. */
  maintain(mode: "quick" | "full", signal?: AbortSignal): Promise<void>;
  /** Count and bytes of everything in the storage. */
  size(): Promise<{ readonly count: number; readonly bytes: number }>;
}
