/**
 * Names that the CDK app, the functions and the command line agree on. Without imports, so that infra/ takes in no AWS client by it, functions/ no CDK, and the command line no zod. Events and
 * outcomes are in events.ts and outcomes.ts beside it.
 */

/** Environment variables of a function, and of a task. */
export const ENVIRONMENT = {
  /** Path of lifeboat.yaml, relative to the folder of the function's code. */
  config: "LIFEBOAT_CONFIG",
  /** `service.name`, which metrics need also where the file cannot be read. */
  service: "LIFEBOAT_SERVICE",
  /** `1`: clusters are those that the store lists (`lifeboat fleet`), and not those of lifeboat.yaml. */
  fleet: "LIFEBOAT_FLEET",
  /** The ARN of the role that a run for a cluster assumes, with SESSION_TAG. Left out where the function works in its own. */
  role: "LIFEBOAT_ROLE",
  /** `1`: each request, retry and decision goes to the log at level debug. Set by a person, for a while. */
  debug: "LIFEBOAT_DEBUG",
} as const;

/** Environment variables of a task besides: what runs in a container in place of a function where 15 minutes are not enough. */
export const TASK = {
  /** `backup` or `verify`. */
  step: "LIFEBOAT_STEP",
  /** The event, in JSON. */
  event: "LIFEBOAT_EVENT",
  /** By which the outcome is reported to the state machine. */
  token: "LIFEBOAT_TASK_TOKEN",
  /** How long it may take. */
  seconds: "LIFEBOAT_SECONDS",
} as const;

/** The file in a function's bundle that the variable names. */
export const CONFIG_FILE = "lifeboat.yaml";

/**
 * Where a function's code lies, relative to the folder that holds cli/ and infra/: `functions/bundles/backup`, `.../verify`, `.../check`, `.../keeper`, `.../desk`, `.../maintain`, `.../audit`, `.../drill-image` (for an image), `.../drill-desk` and `.../task` (the first two, for a container), each with index.mjs and all that it
 * needs but lifeboat.yaml and the CA files that this names by `file:`. tools/pack/functions.ts makes them, in a checkout and for dist/.
 */
export const BUNDLES = "functions/bundles";
export const HANDLER = "index.handler";
/** restore.sh and its library, relative to the same folder, and in the code of the desk. */
export const NODE_SCRIPTS = "node";

/**
 * The state machine of a cluster in the service of this name (`service.name`, 16 characters at most): `lifeboat invoke backup` finds it by this in its account and region.
 * At most 80 characters. A dot, which Step Functions takes and its logs do not, becomes an underscore: two clusters whose names differ in nothing else cannot be deployed together.
 */
export function stateMachineName(service: string, cluster: string): string {
  return `${service}-${cluster.replaceAll(".", "_")}`;
}

/**
 * The keeper's function and role in the service of this name, one for all of its clusters. Fixed, so that the vault's bucket policy and the state machines can name them before they are there, and from another
 * account.
 */
export function keeperName(service: string): string {
  return `${service}-keeper`;
}

/** The function that makes restore bundles in the service of this name, one for all of its clusters: `lifeboat invoke bundle` finds it by this in its account and region. */
export function deskName(service: string): string {
  return `${service}-desk`;
}

/** The function that rehearses restores in the service of this name, which a fleet calls for each cluster. */
export function drillName(service: string): string {
  return `${service}-drill`;
}

/** The function that makes the bundles of drills, which rehearse restores: one for all clusters of a service. The role of the drill alone calls it. */
export function drillDeskName(service: string): string {
  return `${service}-drill-desk`;
}

/** The session tag that says for which cluster a role was assumed: policies name it as `${aws:PrincipalTag/cluster}`. */
export const SESSION_TAG = "cluster";

/** The state machine of a fleet that backs the clusters of a network up, in the service of this name. */
export function fleetMachineName(service: string, network: string): string {
  return `${service}-fleet-${network}`;
}

/** Where the secrets of a listed cluster are: names in Secrets Manager begin so, those of the SSM Parameter Store with a slash before. A run for one cluster reads no other's. */
export function fleetSecretPrefix(service: string, cluster: string): string {
  return `${service}/${cluster}/`;
}

/** Those of its verifier alone, below it: what backs up may not read them. */
export const VERIFY_SECRETS = "verify/";

/**
 * A function fails with an error whose `name` is the code of a LifeboatError ("etcd/unreachable"), or one of these. Its message is the sentence, and on a second line
 * `hint: ` and what to do next where that is known. The Fail state at the end of an execution passes both on as Error and Cause.
 */
export const FAILURES = {
  /** The function's time was nearly up. Not to be tried again: it would take as long. */
  deadline: "deadline",
  /** A fault of lifeboat. What it was is in the function's log only. */
  unexpected: "unexpected",
} as const;

export const METRIC_NAMESPACE = "EtcdLifeboat";
/** The dimensions of every metric below, but for some that are also there for a service as a whole, without a cluster. By the cluster alone, one service of an account could not be told from another that has a cluster of the same name, and would hide its silence. */
export const METRIC_DIMENSIONS = { service: "service", cluster: "cluster" } as const;

/** Metrics that the functions write (EMF), each with service and cluster as its dimensions. Counts, unless the name ends in a unit. */
export const METRICS = {
  /** A backup ended with a committed snapshot, whatever its proof; 0 where that is an old one, older than the rpo, or another run's. For the dashboard: alarms of absence rest on what AWS counts. */
  backupCommitted: "BackupCommitted",
  /** A committed snapshot is proven (or the proof is off for its cluster) and not in quarantine; 0 as above. */
  backupProven: "BackupProven",
  backupFailed: "BackupFailed",
  backupUnproven: "BackupUnproven",
  backupQuarantined: "BackupQuarantined",
  /** How many members contradict the quorum. */
  dissent: "Dissent",
  /** A lineage was opened; or the verification found some that no backup opened, or something in the place of one. */
  newLineage: "NewLineage",
  /** A snapshot was read back and countersigned; 0 as above. */
  verified: "Verified",
  verifyFailed: "VerifyFailed",
  /** The newest good snapshot is older than the rpo, or could not be seen. The alarm rests on what Lambda itself counts. */
  checkFailed: "CheckFailed",
  /** How many replicas a verified snapshot did not reach whole, or hold something else about it. */
  replicaFailed: "ReplicaFailed",
  /** A removal waits for a person: names of brakes are in the outcome. 0 where it does not. */
  removalWaits: "RemovalWaits",
  /** What is to go could not be worked out or ordered after a verification. */
  orderFailed: "OrderFailed",
  /** How many snapshots were ordered to go more than a day ago and are still there, as the verify function sees it. */
  orderUnfollowed: "OrderUnfollowed",
  /** How many things the keeper was ordered to remove and refused, or 1 for an order that it did not believe. */
  removalRefused: "RemovalRefused",
  keeperFailed: "KeeperFailed",
  /** How many snapshots the keeper removed. */
  removed: "Removed",
  removedBytes: "RemovedBytes",
  /** What a cluster takes up in the store, all versions of everything, as the store lists it. */
  vaultBytes: "VaultBytes",
  /** By how much that is more than retention accounts for: 0 while it is not. */
  unaccountedBytes: "UnaccountedBytes",
  /** The desk made a restore bundle, which opens the secrets of a cluster. */
  bundleMade: "BundleMade",
  /** The desk was asked for one, and made none. The alarm rests on what Lambda itself counts. */
  bundleFailed: "BundleFailed",
  /** A drill brought back what was backed up. */
  drillPassed: "DrillPassed",
  /** A drill did not, or could not begin. The alarm rests on what Lambda itself counts. */
  drillFailed: "DrillFailed",
  /** How long restoring took in it, without making the bundle and comparing. */
  restoredMs: "RestoredMs",
  /** How many findings of the audit say that a promise does not hold. */
  auditErrors: "AuditErrors",
  auditWarnings: "AuditWarnings",
  /** By what is stored a cluster could not be brought back now; of the service, how many. */
  notReady: "NotReady",
  /** A cluster's drill is overdue, or was never; of the service, how many. */
  drillOverdue: "DrillOverdue",
  /** Clusters of the fleet whose newest good snapshot is older than their rpo, or that have none; of the service. */
  clustersMissed: "ClustersMissed",
  /** Clusters that the fleet's list has. */
  clustersListed: "ClustersListed",
  /** Lists in the store that are newer than the one in force, and not believed. */
  listsUnbelieved: "ListsUnbelieved",
  /** A key that is disabled, about to be deleted or gone. */
  keyUnusable: "KeyUnusable",
  /** Days until the first of the certificates that the cluster's endpoints and the client use runs out. */
  certificateDays: "CertificateDays",
  durationMs: "DurationMs",
  databaseBytes: "DatabaseBytes",
  storedBytes: "StoredBytes",
} as const;
