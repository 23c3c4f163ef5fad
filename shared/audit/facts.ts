import type { LineageAttention } from "../documents/lineages.ts";
import type { CustodyReceipt } from "../documents/parts.ts";
import type { ProofOutcome } from "../documents/proof.ts";
import type { Lack } from "../documents/good.ts";
import type { ANSWERS, VERDICTS } from "../documents/verdict.ts";
import type { LineageFacts, SnapshotFacts } from "../retention/facts.ts";
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
  /** More of the newest good one, from its manifest itself; undefined where none is good. */
  readonly newestGood: Fact<NewestGoodFact | undefined>;
  /** Countersignatures, pins, drills and the like that are not believed. */
  readonly unbelieved: readonly UnbelievedFact[];
  /** What segments of the catalog say otherwise than the documents; nothing where not all was read. */
  readonly differences: readonly { /** A ref, or a key of the store. */ readonly subject: string; readonly message: string }[];
  /** Folders of the cluster that lifeboat does not write. */
  readonly foreign: Fact<readonly string[]>;
  readonly lineages: Fact<LineagesFact>;
  readonly custody: Fact<CustodyFact>;
  /** What happened, oldest first, as the custody log tells it: also of snapshots that are gone. */
  readonly history: Fact<HistoryFact>;
  /** Oldest first. */
  readonly drills: Fact<readonly DrillFact[]>;
  /** Of each node that gave files its newest set; undefined where the configuration does not ask for any. */
  readonly nodeSets: Fact<readonly NodeSetFact[]> | undefined;
  /** One for each replica of the configuration. */
  readonly replicas: readonly ReplicaFact[];
  /** Canaries that a person opened by hand with a break-glass identity, oldest first, as the custody log tells. Unknown where not all of it was read. */
  readonly canaries: Fact<readonly CanaryFact[]>;
  /** The key that the identities of snapshots are wrapped under now, as `Wrapping.key` names it; undefined where they are in a Kopia repository, whose password opens all. */
  readonly wrappingKey: Fact<string | undefined>;
  /** The newest signed verdict of `lifeboat ready --sign`; undefined where there is none. */
  readonly verdict: Fact<VerdictFact | undefined>;
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
  /** How often files of its nodes are to be collected; undefined where nobody said. */
  readonly nodeFilesEveryMs: number | undefined;
  /** age recipients. */
  readonly breakGlass: readonly string[];
  /** Names of those that are enrolled for bundles. */
  readonly recipients: readonly string[];
  /** Whether no object of the store holds data: they are in a Kopia repository. */
  readonly keepsDataElsewhere: boolean;
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
  /** Until when it is locked: undefined where it is not, infinity where the lock has no end. Unknown where nobody asked, since the configuration says nothing of locks. */
  readonly lockedUntil: Fact<number | undefined>;
}

/** `elsewhere`: no object of this store holds it. `bytes`: what is there in its place. */
export type DataFact = { readonly state: "present" | "elsewhere" | "missing" } | { readonly state: "wrong-size"; readonly bytes: number };

export interface NewestGoodFact {
  readonly id: string;
  /** Keys alive; undefined where they were not counted. */
  readonly liveKeys: number | undefined;
  /** Names of the voting members, as etcd listed them. */
  readonly members: readonly string[];
  /** Keys that its values need of an EncryptionConfiguration; undefined where its manifest does not say. */
  readonly encryption: readonly { readonly provider: string; readonly keyName: string }[] | undefined;
  /** Of etcd: `3.6.16`. */
  readonly etcdVersion: string;
  /** Whether the store's own checksum of its data is the manifest's. */
  readonly checksum: Fact<boolean>;
  /** Keys that the snapshot's identity is wrapped under, as `Wrapping.key` names them: in its manifest, or added since. */
  readonly wrappedUnder: readonly string[];
  /** Those of them that the verifier opened, and when it last did. */
  readonly opened: readonly { readonly key: string; readonly at: number }[];
  /** Break-glass recipients that can open it: by the verifier's word, or else the writer's. */
  readonly breakGlass: readonly string[];
  /** Keys alive and revision of the good snapshot before it, for what changes in an hour; undefined where there is none. */
  readonly before: { readonly id: string; readonly createdAt: number; readonly revision: number } | undefined;
}

export interface UnbelievedFact {
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

export interface LineagesFact {
  /** Those that are believed. */
  readonly links: readonly LineageFacts[];
  readonly attention: LineageAttention | undefined;
  /** What nobody has settled. */
  readonly faults: readonly { readonly key: string; readonly message: string }[];
}

export interface CustodyFact {
  readonly head: CustodyReceipt | undefined;
  /** How many were read. */
  readonly records: number;
  /** `all`: each record and document was held against each other. `tail`: the newest records were held against each other. */
  readonly depth: "all" | "tail";
  readonly findings: readonly CustodyProblem[];
}

export interface CustodyProblem {
  /** As `lifeboat custody --verify` calls it. */
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly fix: string;
  /** Whether the chain itself does not hold. */
  readonly isOfChain: boolean;
}

export interface HistoryFact {
  /** Nothing is known of what was before. */
  readonly since: number;
  readonly events: readonly EventFact[];
}

export interface EventFact {
  readonly time: number;
  /** As the custody log calls it: `backup`, `failed`, `skipped`, `verified`, `removed`, ... */
  readonly event: string;
  /** The purpose of the key that signed it: `snapshot` of who backs up, `audit` of who verifies. */
  readonly by: string;
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
  /** Of the steps that a restore on a node has too: from the bundle to a member that serves. */
  readonly tookMs: number;
  readonly steps: readonly { readonly name: string; readonly ms: number }[];
}

export interface NodeSetFact {
  readonly node: string;
  /** By the node's clock. */
  readonly collectedAt: number;
}

export interface ReplicaFact {
  readonly name: string;
  readonly location: string;
  /** Whether retention waits for it (`requireReplica`). */
  readonly isRequired: boolean;
  /** Ids of the snapshots whose manifest is listed there. */
  readonly ids: Fact<ReadonlySet<string>>;
  /** Of the newest good snapshot: the same manifest, and data of the right size; undefined where none is good. */
  readonly newestGood: Fact<ReplicaStanding | undefined>;
}

export interface ReplicaStanding {
  readonly state: "present" | "missing" | "different" | "incomplete";
  readonly reason: string | undefined;
}

export interface CanaryFact {
  readonly recipient: string;
  readonly openedAt: number;
  /** Who said so. */
  readonly by: string;
}

export type Verdict = (typeof VERDICTS)[number];

/** One question of a verdict. */
export interface Line {
  /** Stable: `data`, `drill`, ... */
  readonly name: string;
  readonly question: string;
  readonly answer: (typeof ANSWERS)[number];
  /** A fact each, lower case, no full stop. */
  readonly evidence: readonly string[];
  /** What to do; empty where the answer is yes. */
  readonly fix: string;
}

export interface VerdictFact {
  readonly at: number;
  readonly verdict: Verdict;
  readonly lines: readonly Line[];
}

/** What `lifeboat ready` asks besides, of etcd, the keys and this machine. */
export interface ReadyFacts extends ClusterFacts {
  readonly etcd: Fact<EtcdFact>;
  readonly keys: Fact<KeysFact>;
  /** One for each architecture that a bundle can be for: names and versions. */
  readonly programs: readonly { readonly architecture: string; readonly versions: Fact<readonly string[]> }[];
  /** Undefined: nobody keeps files of nodes in this store, nor asks for them. */
  readonly nodeFiles: Fact<{ readonly nodes: readonly string[] }> | undefined;
  /** As \`aescbc key1\`: those that the newest good snapshot needs, and those in stored sets. Undefined as \`nodeFiles\`. */
  readonly encryptionKeys: Fact<{ readonly named: readonly string[]; readonly kept: readonly string[] }> | undefined;
}

export interface EtcdFact {
  /** The highest that a member told; undefined where none did. */
  readonly revision: number | undefined;
  /** Of each endpoint, and of the client; none where etcd is reached without TLS. */
  readonly certificates: readonly { readonly subject: string; readonly notAfter: number }[];
  /** Endpoints whose certificate could not be seen, though they are reached by TLS. */
  readonly unseen: readonly string[];
}

export interface KeysFact {
  readonly location: string;
  /** What `lifeboat doctor --keys` found. */
  readonly findings: readonly { readonly severity: string; readonly message: string; readonly fix: string }[];
}

/** The newest good snapshot. */
export function newestGoodOf({ snapshots }: Pick<ClusterFacts, "snapshots">): GoodSnapshot | undefined {
  return snapshots.known
    ? snapshots.value.findLast((each): each is GoodSnapshot => isBelieved(each) && each.lacks.length === 0)
    : undefined;
}

export type GoodSnapshot = SnapshotFact & BelievedSnapshot;

export function isBelieved(snapshot: SnapshotFact): snapshot is GoodSnapshot {
  return !("error" in snapshot);
}

/** As retention goes by them: what is not known keeps a snapshot. */
export function retentionFactsIn({ snapshots, unbelieved }: Pick<ClusterFacts, "snapshots" | "unbelieved">): readonly SnapshotFacts[] {
  if (!snapshots.known) return [];
  return snapshots.value.map((each): SnapshotFacts => {
    const { id, slot: time } = each;
    const beside = unbelieved.find(({ key }) => key.includes(`/${id}-`));
    const unknownOf = beside === undefined ? [] : [beside.message];
    if (!isBelieved(each))
      return {
        id,
        time,
        lineage: undefined,
        good: undefined,
        lacks: [],
        bytes: undefined,
        pinned: "unknown",
        lockedUntil: undefined,
        unknown: [each.error.message],
      };
    const { lineage, lacks, storedBytes, isPinned, lockedUntil } = each;
    return {
      id,
      time,
      lineage,
      good: lacks.length === 0,
      lacks: lacks.map(({ reason }) => reason),
      bytes: storedBytes,
      pinned: isPinned === undefined ? "unknown" : isPinned ? { reason: "a person pinned it" } : undefined,
      lockedUntil: lockedUntil.known ? lockedUntil.value : undefined,
      unknown: unknownOf,
    };
  });
}
