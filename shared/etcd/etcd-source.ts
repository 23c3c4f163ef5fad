import type { Block } from "../blocks.ts";

/** The port to an etcd cluster: read only. Contract and adapter tests: test/etcd/. */

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
  /** Undefined where the member knows of no leader. */
  readonly leaderId: string | undefined;
  readonly isLearner: boolean;
  /** etcd's own words: `etcdserver: no leader`, alarms. */
  readonly errors: readonly string[];
  /** Of the status call on a connection that stands. */
  readonly latencyMs: number;
}

export interface Alarm {
  readonly memberId: string;
  readonly alarm: "NOSPACE" | "CORRUPT";
}

export interface Certificate {
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
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
 * refusal), or `interrupted`.
 */
export interface EtcdSource {
  readonly endpoints: readonly string[];
  status(endpoint: string, signal?: AbortSignal): Promise<EndpointStatus>;
  /** Members as `endpoint` knows them: serializable, so that it works without quorum. A learner refuses. */
  members(endpoint: string, signal?: AbortSignal): Promise<readonly Member[]>;
  /** Needs a quorum. */
  alarms(endpoint: string, signal?: AbortSignal): Promise<readonly Alarm[]>;
  /** Whether a snapshot would be granted, tried by a call that costs the member nothing. Throws `etcd/denied` or `etcd/auth` where not. */
  checkPermission(endpoint: string, signal?: AbortSignal): Promise<void>;
  /** The certificate that `endpoint` shows; undefined for plain http. */
  serverCertificate(endpoint: string, signal?: AbortSignal): Promise<Certificate | undefined>;
  /** The client's own; undefined where none is configured. */
  clientCertificate(): Certificate | undefined;
  /**
   * The snapshot in blocks that are full but for the last, the 32 bytes of SHA-256 at the end included, with back-pressure to etcd.
   * Ends only where etcd said that all was sent: a stream that was cut fails with `etcd/stream`.
   */
  snapshot(endpoint: string, limits: StreamLimits, signal?: AbortSignal): AsyncIterable<Block>;
  close(): void;
}
