/** What an audit can find: docs/audit.md has each code with its meaning, and docs/runbook.md a heading for what to do. */

/** `error`: a promise does not hold; `warn`: it will not for long, or a line of defence is missing; `info`: to be known. */
export const SEVERITIES = ["error", "warn", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** Stable. */
  readonly code: AuditCode;
  readonly severity: Severity;
  /** Empty where it is about the store as a whole. */
  readonly cluster: string;
  /** What it is about: a cluster, `CLUSTER/ID`, a key of the store, a setting. */
  readonly subject: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** What it was told by: a fact each, lower case, no full stop. */
  readonly evidence: readonly string[];
  /** What to do about it; a command where one does. */
  readonly fix: string;
  /** The heading of docs/runbook.md. */
  readonly runbook: string;
}

/** What each code means, and where it is told what to do: the table of docs/audit.md is made of it. */
export interface CodeDescription {
  readonly severity: Severity;
  /** What it says, for people: lower case, no full stop. */
  readonly means: string;
  /** The heading of docs/runbook.md. */
  readonly runbook: string;
}

const describe = (severity: Severity, runbook: string, means: string): CodeDescription => ({ severity, runbook, means });

export const CODES = {
  "rpo/none": describe("error", "No snapshot is good", "no snapshot of the cluster is good"),
  "rpo/exceeded": describe("error", "No snapshot is good", "the newest good snapshot is older than the cluster's rpo"),
  "rpo/gap": describe("warn", "A backup is missed", "in the last 30 days good snapshots were further apart than the rpo"),
  "backup/failing": describe("warn", "A backup is missed", "the last backups failed or were skipped"),
  "snapshot/unbelieved": describe("error", "Something stored is not believed", "a manifest is damaged, or nobody trusted signed it"),
  "snapshot/unverified": describe("warn", "No snapshot is good", "a snapshot older than the rpo was never read back and countersigned"),
  "snapshot/not-good": describe("warn", "No snapshot is good", "a snapshot is in quarantine, unproven, or not confirmed"),
  "snapshot/future": describe("error", "Something stored is not believed", "a snapshot's id is in the future"),
  "document/unbelieved": describe(
    "error",
    "Something stored is not believed",
    "a countersignature, pin, drill or rewrap is damaged, or nobody trusted signed it",
  ),
  "data/missing": describe("error", "Data is lost or damaged", "a snapshot's data is not there"),
  "data/size": describe("error", "Data is lost or damaged", "a snapshot's data is of another size than its manifest says"),
  "data/checksum": describe("error", "Data is lost or damaged", "the store's own checksum of data is another than the manifest's"),
  "store/foreign": describe("info", "Something stored is not believed", "objects that lifeboat does not write lie in the cluster's folder"),
  "lock/missing": describe(
    "error",
    "A lock is missing or ends too soon",
    "a kept snapshot is not locked, and the configuration says that it is",
  ),
  "lock/short": describe("warn", "A lock is missing or ends too soon", "the lock of a kept snapshot ends before it was renewed"),
  "retention/overdue": describe("warn", "Snapshots are not removed", "snapshots that retention lets go are still there"),
  "retention/missing": describe("warn", "Snapshots are missing", "retention keeps a snapshot for a time that has none"),
  "custody/broken": describe("error", "The custody log does not hold", "the custody log itself was altered, cut or forged"),
  "custody/unaccounted": describe(
    "error",
    "The custody log does not hold",
    "something is stored and not logged, or was logged and is gone",
  ),
  "lineage/unaccepted": describe("error", "A lineage waits for a person", "the lineage that the cluster is in is not accepted"),
  "lineage/unbelieved": describe("error", "Something stored is not believed", "something in the place of a lineage is not believed"),
  "drill/never": describe("warn", "A drill is overdue or failed", "no snapshot of the cluster was ever restored in a drill"),
  "drill/overdue": describe("warn", "A drill is overdue or failed", "the last drill is longer ago than the configuration says"),
  "drill/failed": describe("error", "A drill is overdue or failed", "the last drill did not restore what it was of"),
  "key/other": describe("warn", "Keys are not as configured", "the newest good snapshot is not wrapped under the configured key"),
  "key/break-glass": describe(
    "warn",
    "Keys are not as configured",
    "no break-glass recipient is configured, or the newest good snapshot has another one",
  ),
  "key/not-rehearsed": describe(
    "warn",
    "Break-glass was never rehearsed",
    "nobody has opened a canary with the break-glass identity, or it is long ago",
  ),
  "recipient/missing": describe("warn", "A node cannot open a bundle", "a member has no recipient of its name, or nobody has"),
  "replica/behind": describe("error", "A replica is behind", "a replica does not have the newest good snapshot as promised"),
  "replica/unreadable": describe("warn", "A replica is behind", "a replica could not be asked"),
  "cluster/not-configured": describe("warn", "A cluster is on one side only", "a cluster is in the store, and not in the configuration"),
  "cluster/not-stored": describe(
    "error",
    "A cluster is on one side only",
    "a cluster is in the configuration, and nothing of it is stored",
  ),
  "audit/unknown": describe("warn", "A fact could not be learned", "something that the audit asks could not be learned"),
} as const satisfies Record<string, CodeDescription>;

export type AuditCode = keyof typeof CODES;

/** A finding of this code about a cluster, with what the table says of it. */
export function found(
  code: AuditCode,
  { evidence = [], ...about }: Pick<Finding, "cluster" | "subject" | "message" | "fix"> & { readonly evidence?: readonly string[] },
): Finding {
  const { severity, runbook } = CODES[code];
  return { code, severity, ...about, evidence, runbook };
}
