import type { Member } from "../etcd/etcd-source.ts";
import type { BucketCount } from "./contents.ts";
import type { FindingCode } from "./finding.ts";
import type { EncryptionCount, HashKv } from "./key-history.ts";
import type { NewestMatches } from "./newest-matches.ts";
import type { Survey } from "./survey.ts";
import type { StoredAlarm } from "./membership.ts";

/** What a snapshot's page tree holds, where it is whole. Sizes in bytes. */
export interface WholeScan {
  readonly tree: "whole";
  /** All that was given, the trailer included. */
  readonly bytes: number;
  /** 32 where something of a trailer's length follows the last page (SnapshotHasher tells whether it is true), otherwise 0. */
  readonly trailerBytes: number;
  readonly pageSize: number;
  /** The database up to its high-water mark: `totalSize` of `etcdutl snapshot status`. */
  readonly databaseBytes: number;
  readonly inUseBytes: number;
  readonly freeBytes: number;
  /** 2, or 1 where one of the two meta pages is damaged, which is no matter to bbolt. */
  readonly validMetas: number;
  /** As `etcdutl snapshot status` prints it. */
  readonly hash: number;
  /** Of the last entry, as `etcdutl snapshot status` prints it; 0 without entries. */
  readonly revision: number;
  /** What a member on this database is at: at least 1, and no less than what it was compacted to. */
  readonly lastRevision: number;
  /** `live` is `totalKey` of etcdutl 3.6 and later; undefined past the limit of entries. */
  readonly keys: { readonly revisions: number; readonly live: number | undefined };
  /** In order. The sum of their keys is `totalKey` of etcdutl 3.5. */
  readonly buckets: readonly BucketCount[];
  readonly consistentIndex: number | undefined;
  readonly term: number | undefined;
  /** 3.6 and later. */
  readonly storageVersion: string | undefined;
  /** As bucket `cluster` has it. */
  readonly clusterVersion: string | undefined;
  /** As bucket `members` has them, by id. A restore puts others in their place. */
  readonly members: readonly Member[];
  /** Ids that no member may have again. */
  readonly removedMemberIds: readonly string[];
  readonly alarms: readonly StoredAlarm[];
  readonly finishedCompactRevision: number | undefined;
  readonly scheduledCompactRevision: number | undefined;
  /** The greater of the two, also where the compaction is unfinished; -1 where there was none, as a member answers. */
  readonly compactRevision: number;
  readonly isAuthEnabled: boolean;
  /** Undefined past the limit of entries. */
  readonly encryption: readonly EncryptionCount[] | undefined;
  /** Where it was asked for; undefined past the limit of entries. */
  readonly survey?: Survey | undefined;
  /** The live entries that a filter matched, where there was one; undefined past the limit of entries. */
  readonly matches?: NewestMatches | undefined;
  /** The same of the tombstones that it matched, of keys that are gone: they are there until the next compaction. */
  readonly deleted?: NewestMatches | undefined;
  /** HashKV as a member would answer that is at `lastRevision` or later and was compacted to `compactRevision`. */
  readonly hashKv: (revision?: number, compactRevision?: number) => HashKv;
}

export interface FaultyScan {
  readonly tree: FindingCode;
  /** Names the page or bucket; lower case, no full stop. */
  readonly message: string;
  readonly bytes: number;
}

export type ScanResult = WholeScan | FaultyScan;
