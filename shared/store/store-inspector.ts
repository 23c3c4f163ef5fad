import type { Answer, MaybeUnreadable } from "../unreadable.ts";

/** The port to what stands around stored objects: how a bucket or folder is set up, and what the caller at hand may do there. For `lifeboat doctor`. */

/** Errors are those of BlobStore: `store/denied` for credentials that are none, `store/failed` for a store that is not there. */
export interface StoreInspector {
  readonly location: string;
  /** Reads, and changes nothing. */
  facts(signal: AbortSignal): Promise<StoreFacts>;
  /** Keys of KMS that the store encrypts with at rest, each with the setting that names it; a bucket's own default only where it can be seen. */
  encryptionKeys(signal: AbortSignal): Promise<readonly EncryptionKey[]>;
  /** `versions`: also those that are hidden. `uploads`: those that are not finished. */
  mayList(prefix: string, what: "objects" | "versions" | "uploads", signal: AbortSignal): Promise<Answer>;
  /** Whether a lock below `prefix` (which ends in a slash) may be extended, by a call about an object that is not there; undefined where the configuration locks nothing. */
  mayLock(prefix: string, signal: AbortSignal): Promise<Answer | undefined>;
  /** What may be done with objects whose keys begin with `prefix` (which ends in a slash), by calls that leave nothing. */
  access(prefix: string, signal: AbortSignal): Promise<Access>;
  clock(signal: AbortSignal): Promise<ClockReading>;
}

export interface Access {
  readonly read: Answer;
  readonly put: Answer;
  /** In a store with versions: to remove one for good. */
  readonly remove: Answer;
}

export interface EncryptionKey {
  readonly setting: string;
  /** Id, alias or ARN. */
  readonly key: string;
}

/** The store's clock beside this machine's. */
export interface ClockReading {
  /** How far the store is ahead; negative where it is behind. */
  readonly skewMs: number;
  /** How much of that may be the reading itself. */
  readonly uncertaintyMs: number;
}

export type StoreFacts = BucketFacts | FolderFacts;

export interface BucketFacts {
  readonly kind: "bucket";
  readonly bucket: string;
  readonly region: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
  /** Of an S3-compatible store; undefined for AWS. */
  readonly endpoint: string | undefined;
  /** Whether calls name the account that the bucket must belong to. */
  readonly namesOwner: boolean;
  /** What lifeboat itself retains its objects by. */
  readonly ownLock: Retention | undefined;
  readonly versioning: MaybeUnreadable<"enabled" | "suspended" | "off">;
  /** Undefined: the bucket has no Object Lock. */
  readonly objectLock: MaybeUnreadable<{ readonly retention: Retention | undefined } | undefined>;
  /** Settings that are on, by their names in S3. */
  readonly publicAccessBlock: MaybeUnreadable<readonly string[]>;
  /** JSON; undefined where the bucket has none. */
  readonly policy: MaybeUnreadable<string | undefined>;
  readonly lifecycle: MaybeUnreadable<readonly LifecycleRule[]>;
  readonly encryption: MaybeUnreadable<{ readonly algorithm: string; readonly key: string | undefined } | undefined>;
  /** `BucketOwnerEnforced`, ...; undefined where none is set. */
  readonly ownership: MaybeUnreadable<string | undefined>;
}

export interface Retention {
  readonly mode: "governance" | "compliance";
  readonly days: number;
}

/** A rule of a bucket's lifecycle that is switched on. */
export interface LifecycleRule {
  readonly id: string;
  readonly prefix: string;
  /** Whether it takes tags or sizes into account, so that it does not hold for every object below the prefix. */
  readonly isNarrowed: boolean;
  readonly abortsUploadsAfterDays: number | undefined;
  /** It removes objects or older versions, or both. */
  readonly removes: readonly ("objects" | "versions")[];
  /** Storage classes that it moves objects to. */
  readonly movesTo: readonly string[];
}

export interface FolderFacts {
  readonly kind: "folder";
  readonly path: string;
  /** Permission bits; undefined where there is no folder yet. */
  readonly mode: number | undefined;
  /** Of the folder, or of the nearest one above it that is there. */
  readonly isWritable: boolean;
  readonly freeBytes: number;
  /** Its file system lives in memory, and is empty after a restart. */
  readonly isInMemory: boolean;
}
