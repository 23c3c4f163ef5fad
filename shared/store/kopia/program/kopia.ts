import type { Block } from "../../../blocks.ts";

/**
 * What the program kopia does for us. Every call is one run of it, with a configuration, cache and log of its own in a private folder.
 * Names are Kopia's:
 * https://kopia.io/docs/reference/command-line/.
 */

/** As whom we write, on every machine. Snapshots, the policy and the maintenance of a repository belong to a user at a host. */
export const KOPIA_USER = "backup";
export const KOPIA_HOST = "etcd-lifeboat";
export const KOPIA_OWNER = `${KOPIA_USER}@${KOPIA_HOST}`;

/** How a file is cut into what is deduplicated. Those that docs/decisions/0027 measured; Kopia knows more. */
export const SPLITTERS = ["FIXED-128K", "FIXED-256K", "FIXED-512K", "FIXED-1M", "DYNAMIC-4M-BUZHASH"] as const;
export type Splitter = (typeof SPLITTERS)[number];

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of a role's session. */
  readonly sessionToken?: string | undefined;
}

/** Where a repository lies. */
export type KopiaRepository =
  | { readonly kind: "filesystem"; readonly path: string }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      /** Before the name of every blob; with its trailing slash where it has one. */
      readonly prefix: string;
      readonly region?: string | undefined;
      /** `https://host:port` or `http://host:port` of an S3-compatible store; left out: AWS. */
      readonly endpoint?: string | undefined;
      /**
       * Asked before each run of kopia, so that those of a role's session are fresh. They go to it by its environment, and into no file.
       */
      credentials(): Promise<AwsCredentials>;
    };

/** A snapshot as `kopia snapshot list --json` has it. */
export interface KopiaSnapshot {
  /** 32 hex digits. Pinning and unpinning change it: find a snapshot by its tags. */
  readonly id: string;
  /** `backup@etcd-lifeboat:/etcd/prod`. */
  readonly source: { readonly userName: string; readonly host: string; readonly path: string };
  readonly startTime: Date;
  readonly endTime: Date;
  /** The root folder, `k` and 32 hex digits. Pinning does not change it. */
  readonly object: string;
  /** All files of it. */
  readonly bytes: number;
  readonly files: number;
  /** Why it is incomplete, in Kopia's word (`canceled`, `checkpoint`, `limit reached`); undefined for a whole one. */
  readonly incomplete: string | undefined;
  /** Without Kopia's own `tag:` before each name. */
  readonly tags: Readonly<Record<string, string>>;
  readonly pins: readonly string[];
}

export interface SnapshotInput {
  /** `/etcd/prod`: what Kopia groups snapshots by. Absolute; nothing is read from there. */
  readonly source: string;
  /** The name of the one file: `snapshot.db`. */
  readonly file: string;
  /** Names are letters, digits, `-` and `_`. */
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * A snapshot that kopia is writing. It becomes one only by `end`: where this process dies, also by SIGKILL, kopia is killed and no
 * snapshot is there. Exactly one of `end` and `kill` is called.
 */
export interface KopiaUpload {
  /**
   * Takes over `block`, which is released once kopia has its bytes. Resolves when there is room for the next, at most two wait. Rejects
   * where kopia has ended, with its reason.
   */
  write(block: Block): Promise<void>;
  /**
   * Says that the input is whole, and resolves with the snapshot once it is in the repository. Where it rejects there may be one all the
   * same if the machine failed just then: look by the tags.
   */
  end(): Promise<KopiaSnapshot>;
  /**
   * Kills kopia and whatever it started, and resolves when all of it is gone. No snapshot is there; what was uploaded stays until a
   * maintenance. Never throws.
   */
  kill(): Promise<void>;
}

export interface KopiaStatus {
  /** 64 hex digits, drawn when the repository was created. */
  readonly uniqueId: string;
  readonly storage: { readonly type: string };
  readonly splitter: string;
  readonly hash: string;
  readonly encryption: string;
  /** Free and whole bytes of a file system; undefined where Kopia cannot know. */
  readonly volume: { readonly capacity: number; readonly available: number } | undefined;
  /** Object Lock, where the repository was created with it. */
  readonly blobRetention: { readonly mode: string; readonly periodMs: number } | undefined;
}

/** One step of a maintenance, by Kopia's name for it (`snapshot-gc`, `full-delete-blobs`, ...), the newest first. */
export interface MaintenanceRun {
  readonly task: string;
  readonly start: Date;
  readonly end: Date;
  readonly success: boolean;
  readonly error: string | undefined;
  /** Counts and bytes by Kopia's names, such as `deletedContentSize`. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface MaintenanceInfo {
  /** `user@host`: the only one whose maintenance runs. */
  readonly owner: string;
  readonly quick: { readonly enabled: boolean; readonly intervalMs: number };
  readonly full: { readonly enabled: boolean; readonly intervalMs: number };
  readonly extendObjectLocks: boolean;
  /** Undefined where none was run yet. */
  readonly nextQuick: Date | undefined;
  readonly nextFull: Date | undefined;
  readonly runs: readonly MaintenanceRun[];
}

/** Object Lock of each blob that is written to a bucket that has it. */
export interface BlobRetention {
  readonly mode: "governance" | "compliance";
  /** At least 2, where maintenance is to extend it. */
  readonly days: number;
}

export interface CreateOptions {
  readonly splitter: Splitter;
  /** Maintenance extends it then. */
  readonly retention?: BlobRetention | undefined;
}

export interface SyncOptions {
  /** Whether a repository must be there already, since one was. */
  readonly mustExist: boolean;
}

/**
 * An open repository. Every call may throw `store/failed` (unreachable, ended by a signal, or an answer that is none of Kopia's known
 * ones), `store/denied`, `store/full`, `keys/no-match` (not the
 * repository's password), `store/missing` (no repository there), `verify/checksum` (damaged), `interrupted`, and what is said of it.
 */
export interface Kopia extends AsyncDisposable {
  /** Where the repository is, for messages: `/srv/kopia` or `s3://bucket/prefix`. */
  readonly location: string;
  /**
   * Makes a repository where there is nothing. `store/exists` where something is. We own its maintenance, and nothing expires by Kopia's
   * own policies.
   */
  create(options: CreateOptions): Promise<void>;
  status(): Promise<KopiaStatus>;
  /**
   * Sets what holds for snapshots of ours: nothing expires, zstd-fastest, these blocks. Before the first snapshot, since Kopia's own
   * retention is active. Others' snapshots in the repository are left as they are.
   */
  setPolicy(policy: { readonly splitter: Splitter }): Promise<void>;
  /** Locks what is written from now on. */
  setRetention(retention: BlobRetention): Promise<void>;
  /** Makes us the owner of the maintenance, and sets whether it extends object locks. */
  setOwner(options?: { readonly extendObjectLocks?: boolean }): Promise<void>;
  /** Starts to write a snapshot; `signal` kills it. Only one at a time is meant. No maintenance is run beside. */
  snapshotCreate(input: SnapshotInput, signal?: AbortSignal): Promise<KopiaUpload>;
  /** Whole snapshots of ours that have all of `tags`, the oldest first. Incomplete ones too where that is asked for. */
  list(tags: Readonly<Record<string, string>>, options?: { readonly incomplete?: boolean }): Promise<readonly KopiaSnapshot[]>;
  /**
   * The bytes of a file of a snapshot. Damage throws `verify/checksum` after the bytes before it were handed out; `verify/missing` where
   * there is no such object. Ends kopia where the caller stops early.
   */
  show(object: string, file: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * `kopia snapshot verify`: whether all that these snapshots need is in the storage; with `every byte` it is read, too, without which Kopia notices no changed byte. `verify/checksum`, `verify/missing`.
   */
  verify(ids: readonly [string, ...string[]], reads: "every byte" | "no file", signal?: AbortSignal): Promise<void>;
  /**
   * Removes a snapshot by its id; its data goes with a later maintenance. `verify/missing` where there is none, for example since pinning
   * changed its id. Pinned ones are removed too: the caller looks first.
   */
  delete(id: string): Promise<void>;
  /** Both give the snapshot a new id. Nothing happens where the pin is, or is not, there. */
  pin(id: string, name: string): Promise<void>;
  unpin(id: string, name: string): Promise<void>;
  maintenanceInfo(): Promise<MaintenanceInfo>;
  /** Runs it now, safely beside writers. `busy` where another owns it, or another runs it. */
  maintenanceRun(mode: "quick" | "full", signal?: AbortSignal): Promise<void>;
  /**
   * Copies what is not there yet to `to`, blob by blob, whose folder or bucket must be there. Nothing there is changed or removed, but what
   * this repository deletes is listed there no more. `store/other` where another repository is there, `store/missing` where there is none
   * and one must be. A run that was killed leaves whole blobs, and the next one goes on.
   */
  syncTo(to: KopiaRepository, options: SyncOptions, signal?: AbortSignal): Promise<void>;
  /** Count and bytes of everything in the storage. */
  blobStats(): Promise<{ readonly count: number; readonly bytes: number }>;
}
