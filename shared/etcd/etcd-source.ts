import type { Block } from "../blocks.ts";

/**
 * The port to an etcd cluster. No call changes anything at the source, not even its raft log, but for the log-in where a password is configured: etcd answers
 * that through raft. Contract and adapter tests: test/etcd/.
 */

/** A member as the cluster lists it. Ids are lower-case hex without leading zeros, as etcdctl prints them. */
export interface Member {
  readonly id: string;
  /** Empty for a member that was added and never started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** What one endpoint answers about its member and itself. */
export interface EndpointStatus {
  readonly endpoint: string;
  readonly memberId: string;
  readonly clusterId: string;
  readonly version: string;
  readonly databaseBytes: number;
  readonly revision: number;
  readonly raftIndex: number;
  readonly raftAppliedIndex: number;
  readonly raftTerm: number;
  /** Undefined where the member reports no leader. */
  readonly leaderId: string | undefined;
  readonly isLearner: boolean;
  /** Those of the whole cluster as this member knows them, also without a quorum. */
  readonly alarms: readonly Alarm[];
  /** What else etcd finds wrong, in its own words; that it reports no leader is said by `leaderId`. */
  readonly errors: readonly string[];
  /** Of the status call on a connection that stands. */
  readonly latencyMs: number;
}

/** etcd answers its own question for alarms through raft, which is a write; each status tells of them too. */
export interface Alarm {
  readonly memberId: string;
  readonly alarm: "NOSPACE" | "CORRUPT";
}

export interface Certificate {
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * A member's answer to HashKV at a revision: CRC-32C over the keys and values of bucket `key` up to that revision, of those that a compaction to
 * `compactRevision` leaves (etcd's server/storage/mvcc/hash.go).
 */
export interface HashKv {
  readonly memberId: string;
  /** What was asked for, or the member's latest. */
  readonly revision: number;
  /** Unsigned, 32 bits. */
  readonly hash: number;
  /**
   * The compaction that the hash is of; -1 where nothing had been compacted, on etcd 3.4 to 3.7. It is the member's latest, with one exception: from
   * etcd 3.5 on a member remembers, until it restarts, the hashes that its last ten compactions made, each at the revision that it compacted to,
   * and answers at such a revision from memory: with the compaction before that one, and without reading its database.
   */
  readonly compactRevision: number;
}

/** Keys from `from` on and before `end`; NUL stands for the first key there is, and as an end for none. */
export interface RangeRequest {
  readonly from: Uint8Array;
  readonly end: Uint8Array;
  /** At least 1. */
  readonly limit: number;
  readonly revision: number | "latest";
}

export interface RangePage {
  /** The revision that was read. */
  readonly revision: number;
  /** In the order of keys; fewer than the limit where that would have been a large answer. */
  readonly entries: readonly RangeEntry[];
  /** Whether there are more behind the last one. */
  readonly more: boolean;
}

export interface RangeEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly modRevision: number;
}

export interface StreamLimits {
  /** The stream fails with `etcd/stalled` when no byte came for so long. */
  readonly idleMs: number;
  /** The stream fails with `etcd/timeout` when it is not done by then. */
  readonly totalMs: number;
}

/**
 * One connection per endpoint. Every call names its endpoint and fails with `etcd/unreachable` (refused, reset, unknown host), `etcd/tls` (says which
 * certificate and why), `etcd/auth` (user name or password), `etcd/denied` (not root), `etcd/timeout`, `etcd/refused` (etcd's own
 * refusal, a learner's too), or `interrupted`.
 */
export interface EtcdSource {
  readonly endpoints: readonly string[];
  status(endpoint: string, signal?: AbortSignal): Promise<EndpointStatus>;
  /** Members as `endpoint` knows them: serializable, so that it works without quorum. A learner refuses. */
  members(endpoint: string, signal?: AbortSignal): Promise<readonly Member[]>;
  /** Whether a snapshot would be granted, tried by a call that costs the member nothing. Throws `etcd/denied` or `etcd/auth` where not. */
  checkPermission(endpoint: string, signal?: AbortSignal): Promise<void>;
  /**
   * The member's HashKV at `revision`, a positive integer (anything else is a TypeError), or at its latest one. It reads all keys, writes nothing, and stalls
   * the member's writes meanwhile; a member that was given up after `timeoutMs` goes on hashing. Besides the errors of all calls `etcd/compacted` where the member no longer has
   * `revision` (etcd 3.4 says so at the very revision that it compacted to, later ones below it), and `etcd/future-revision` where it does not have it yet.
   */
  hashKv(endpoint: string, revision: number | "latest", options: { readonly timeoutMs: number }, signal?: AbortSignal): Promise<HashKv>;
  /**
   * Keys and values as the member itself has them: serializable, so that nothing goes through raft. Besides the errors of all calls `etcd/compacted` where the member no longer has the revision, and
   * `etcd/denied` where not all of the range may be read.
   */
  range(endpoint: string, request: RangeRequest, signal?: AbortSignal): Promise<RangePage>;
  /**
   * Whether something stands before the member that lets through what a backup needs and not everything: tried by a call that reads nothing, and that a gate has no reason to pass
   * (docs/gate.md).
   */
  isGated(endpoint: string, signal?: AbortSignal): Promise<boolean>;
  /** The certificate that `endpoint` shows; undefined for plain http. */
  serverCertificate(endpoint: string, signal?: AbortSignal): Promise<Certificate | undefined>;
  /** The client's own; undefined where none is configured. */
  clientCertificate(): Certificate | undefined;
  /**
   * The snapshot in blocks that are full but for the last, the 32 bytes of SHA-256 at the end included, with back-pressure to etcd.
   * Ends only where etcd said that all was sent: a stream that was cut fails with `etcd/stream`.
   */
  snapshot(endpoint: string, limits: StreamLimits, signal?: AbortSignal): AsyncIterable<Block>;
  /** Lets the next call to `endpoint` make a connection of its own, which a load balancer may lead to another member. */
  renew(endpoint: string): void;
  close(): void;
}
