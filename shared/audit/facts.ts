import type { LineageAttention } from "../documents/lineages.ts";
import type { CustodyReceipt } from "../documents/parts.ts";
import type { ProofOutcome } from "../documents/proof.ts";
import type { Lack } from "../documents/good.ts";
import type { LineageFacts } from "../retention/facts.ts";
import type { RetentionPolicy } from "../retention/policy.ts";

/**
 * What is known of one cluster, as of one moment: what the rules of the audit, the verdict and the report go by. All times are in ms since 1970, all sizes in bytes. Nothing in it is
 * a promise: a fact is what a signed document or the store itself says.
 */

/** Something that was learned, or why it could not be: one sentence, lower case, no full stop. */
export type Fact<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

export function known<T>(value: T): Fact<T> {
  return { known: true, value };
}

export function unknown(why: string): Fact<never> {
  return { known: false, why };
}

/** From the store and the configuration alone. */
export interface ClusterFacts {
  readonly cluster: string;
  /** When it was looked, by this machine's clock. */
  readonly now: number;
  /** What the configuration asks of the cluster; undefined for one that is stored and not configured. */
  readonly policy: ClusterPolicy | undefined;
  /** Each that has a manifest, oldest first. */
  readonly snapshots: Fact<readonly SnapshotFact[]>;
  /** Countersignatures, pins, drills and the like that are not believed. */
  readonly unbelieved: readonly UnbelievedFact[];
  /** Objects that lifeboat does not write: the first keys, and how many. */
  readonly foreign: Fact<{ readonly keys: readonly string[]; readonly count: number }>;
  readonly lineages: Fact<LineagesFact>;
  readonly custody: Fact<CustodyFact>;
  /** What happened, oldest first, as the custody log tells it: also of snapshots that are gone. */
  readonly history: Fact<readonly EventFact[]>;
  /** Oldest first. */
  readonly drills: Fact<readonly DrillFact[]>;
  /** One for each replica of the configuration. */
  readonly replicas: readonly ReplicaFact[];
  /** Canaries that a person opened by hand with a break-glass identity, oldest first. */
  readonly canaries: Fact<readonly CanaryFact[]>;
  /** Signed verdicts of `lifeboat ready --sign`, oldest first. */
  readonly verdicts: Fact<readonly VerdictFact[]>;
}

/** What the configuration says, with its defaults. */
export interface ClusterPolicy {
  readonly rpoMs: number;
  readonly retention: RetentionPolicy;
  /** Replicas that must have what displaces a snapshot. */
  readonly requireReplica: readonly string[];
  /** For how long the store locks what is put, and what is kept; undefined where it does not. */
  readonly lockMs: number | undefined;
  readonly keptLockMs: number | undefined;
  /** How often a drill is to be; undefined where nobody said. */
  readonly drillEveryMs: number | undefined;
  /** age recipients. */
  readonly breakGlass: readonly string[];
  /** Names of those that are enrolled for bundles. */
  readonly recipients: readonly string[];
  /** As `Wrapping.key` names it: an age recipient or an ARN; undefined where it is not known here. */
  readonly wrappingKey: string | undefined;
}

/** One snapshot, as its manifest and the documents beside it have it. A row and no manifest: there may be ten thousand. */
export type SnapshotFact = { readonly id: string; /** Of the slot. */ readonly slot: number } & (
  | BelievedSnapshot
  | { /** Why its manifest does not hold. */ readonly error: { readonly code: string; readonly message: string } }
);

export interface BelievedSnapshot {
  /** Of the manifest object's bytes. */
  readonly digest: string;
  /** When the stream began, and when the manifest was made: what is in it was in etcd between them. */
  readonly startedAt: number;
  readonly createdAt: number;
  readonly lineage: number;
  /** 0 where the page tree could not be read. */
  readonly revision: number;
  /** Keys alive; undefined where they were not counted. */
  readonly liveKeys: number | undefined;
  /** Without its trailer. */
  readonly databaseBytes: number;
  readonly storedBytes: number;
  readonly proof: ProofOutcome;
  readonly isQuarantined: boolean;
  /** When the newest countersignature of exactly this manifest was made. */
  readonly verifiedAt: number | undefined;
  /** What it lacks to be good: nothing, where it is. */
  readonly lacks: readonly Lack[];
  /** Undefined: not known. */
  readonly isPinned: boolean | undefined;
  /** Its data, as the store lists it. */
  readonly data: Fact<DataFact>;
  /** Until when its manifest is locked: undefined where it is not, infinity where the lock has no end. Asked only where the configuration says that the store locks. */
  readonly lockedUntil: Fact<number | undefined>;
  /** Names of the voting members, as etcd listed them. */
  readonly members: readonly string[];
  /** Of etcd: `3.6.16`. */
  readonly etcdVersion: string;
  /** Keys that the snapshot's identity is wrapped under: in its manifest, or added since. */
  readonly wrappedUnder: readonly string[];
  /** Those of them that the verifier opened, and when. */
  readonly opened: readonly { readonly key: string; readonly at: number }[];
  /** Break-glass recipients that can open it, by the verifier's word or else the writer's. */
  readonly breakGlass: readonly string[];
}

/** `elsewhere`: no object of this store holds it. */
export type DataFact =
  | { readonly state: "present" | "elsewhere" }
  | { readonly state: "missing" | "wrong-size" | "wrong-checksum"; readonly key: string; readonly message: string };

export interface UnbelievedFact {
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

export interface LineagesFact {
  /** Those that are believed. */
  readonly links: readonly LineageFacts[];
  readonly attention: LineageAttention | undefined;
  readonly faults: readonly { readonly key: string; readonly message: string }[];
}

export interface CustodyFact {
  readonly head: CustodyReceipt | undefined;
  readonly records: number;
  /** `all`: each record and document was held against each other. `tail`: only what came since the signed segments. */
  readonly depth: "all" | "tail";
  readonly findings: readonly {
    readonly code: string;
    readonly subject: string;
    readonly message: string;
    readonly fix: string;
    /** Whether the chain itself does not hold. */
    readonly isOfChain: boolean;
  }[];
}

export interface EventFact {
  readonly time: number;
  /** As the custody log calls it: `backup`, `failed`, `skipped`, `verified`, `removed`, ... */
  readonly event: string;
  /** Of each snapshot that it is about; none where it is about no snapshot. */
  readonly ids: readonly string[];
  readonly reason: string | undefined;
}

export interface DrillFact {
  readonly id: string;
  readonly at: number;
  readonly ok: boolean;
  /** Why it is not; undefined where it is. */
  readonly reason: string | undefined;
  /** From the first step to a server that serves, without the comparison after it; undefined where it never did. */
  readonly restoreMs: number | undefined;
  readonly steps: readonly { readonly name: string; readonly ms: number }[];
  readonly keys: number | undefined;
}

export interface ReplicaFact {
  readonly name: string;
  readonly location: string;
  /** Whether retention waits for it (`requireReplica`). */
  readonly isRequired: boolean;
  /** Ids of the snapshots whose manifest is listed there. */
  readonly ids: Fact<ReadonlySet<string>>;
  /** Of the newest good snapshot: the same manifest, and data of the right size. */
  readonly newestGood: Fact<{ readonly state: "present" | "missing" | "different" | "incomplete"; readonly reason: string | undefined }>;
}

export interface CanaryFact {
  readonly recipient: string;
  readonly madeAt: number;
  readonly openedAt: number;
  readonly by: string;
}

export interface VerdictFact {
  readonly at: number;
  readonly verdict: Verdict;
  /** Of the snapshot that it was about. */
  readonly id: string | undefined;
}

export const VERDICTS = ["ready", "ready with loss", "not ready"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What `lifeboat ready` asks besides, of etcd, the keys and this machine. */
export interface ReadyFacts extends ClusterFacts {
  readonly etcd: Fact<EtcdFact>;
  /** What `lifeboat doctor --keys` found of the keys: problems and warnings. */
  readonly keys: Fact<{
    readonly location: string;
    readonly findings: readonly { readonly severity: string; readonly message: string; readonly fix: string }[];
  }>;
  /** One for each architecture that a bundle can be for. */
  readonly programs: readonly { readonly architecture: string; readonly versions: Fact<readonly string[]> }[];
  /** Undefined: nobody keeps files of nodes in this store. */
  readonly nodeFiles: Fact<{ readonly nodes: readonly string[] }> | undefined;
  /** Undefined: nobody keeps keys of an EncryptionConfiguration in this store. */
  readonly encryptionKeys: Fact<{ readonly named: readonly string[]; readonly kept: readonly string[] }> | undefined;
}

export interface EtcdFact {
  /** The highest that a member told. */
  readonly revision: number | undefined;
  /** None where etcd is reached without TLS. */
  readonly certificates: readonly { readonly subject: string; readonly notAfter: number }[];
  /** What preflight says of certificates. */
  readonly findings: readonly { readonly severity: string; readonly message: string; readonly fix: string }[];
}

/** The newest good snapshot. */
export function newestGoodOf({
  snapshots,
}: Pick<ClusterFacts, "snapshots">): (BelievedSnapshot & { readonly id: string; readonly slot: number }) | undefined {
  if (!snapshots.known) return undefined;
  for (const each of snapshots.value.toReversed()) if (isBelieved(each) && each.lacks.length === 0) return each;
  return undefined;
}

export function isBelieved(snapshot: SnapshotFact): snapshot is SnapshotFact & BelievedSnapshot {
  return !("error" in snapshot);
}
