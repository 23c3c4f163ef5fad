/**
 * What the CDK app and the functions agree on: names and shapes. Without imports, so that infra/ takes in no AWS client by it and functions/ no CDK.
 */

/** Environment variables of a function. */
export const ENVIRONMENT = {
  /** Path of lifeboat.yaml, relative to the folder of the function's code. */
  config: "LIFEBOAT_CONFIG",
} as const;

/** The file in a function's bundle that the variable names. */
export const CONFIG_FILE = "lifeboat.yaml";

/** What starts an execution of the state machine: a schedule or a person. */
export interface BackupEvent {
  readonly cluster: string;
  /** The scheduled time (ISO 8601 in UTC); left out for a backup by hand. */
  readonly slot?: string;
}

/** What the backup function returns, and the verify function takes. */
export interface BackupOutcome {
  readonly cluster: string;
  readonly id: string;
  /** True where the slot was backed up before. */
  readonly existing: boolean;
  readonly manifestDigest: string;
  readonly proof: "proven" | "unproven" | "off";
  readonly quarantined: boolean;
  readonly dissenters: readonly string[];
  readonly lineage: number;
  readonly databaseBytes: number;
  readonly storedBytes: number;
  /** The head of the custody log, to be kept elsewhere: `SEQ:sha256:HEX`; null where the log could not be told. */
  readonly custody: string | null;
  /** True where a person should look: the finding that `lifeboat backup` ends with exit code 6 for. */
  readonly needsAttention: boolean;
}

export interface VerifyOutcome {
  readonly cluster: string;
  readonly id: string;
  readonly countersignature: string;
  readonly custody: string;
}

export const METRIC_NAMESPACE = "EtcdLifeboat";
/** The only dimension of every metric below. */
export const METRIC_DIMENSION = "cluster";

/** Metrics that the functions write (EMF), each with the cluster as its dimension. Counts, unless the name ends in a unit. */
export const METRICS = {
  /** A backup ended with a committed snapshot, whatever its proof. Its absence is what the dead man's alarm tells. */
  backupCommitted: "BackupCommitted",
  /** A committed snapshot is proven (or the proof is off for its cluster) and not in quarantine. */
  backupProven: "BackupProven",
  backupFailed: "BackupFailed",
  backupUnproven: "BackupUnproven",
  backupQuarantined: "BackupQuarantined",
  /** How many members contradict the quorum. */
  dissent: "Dissent",
  newLineage: "NewLineage",
  verified: "Verified",
  verifyFailed: "VerifyFailed",
  /** A key that is disabled, about to be deleted or gone. */
  keyUnusable: "KeyUnusable",
  /** Days until the first of the certificates that the cluster's endpoints and the client use runs out. */
  certificateDays: "CertificateDays",
  durationMs: "DurationMs",
  databaseBytes: "DatabaseBytes",
  storedBytes: "StoredBytes",
} as const;
