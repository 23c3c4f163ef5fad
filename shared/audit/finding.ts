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

/** Headings of docs/runbook.md. */
const RUNBOOK = {
  age: "`lifeboat check` says CRITICAL",
  verification: "Verification failed (exit code 4)",
  log: "The custody log does not hold (exit code 4)",
  unaccounted: "The store does not match the custody log (exit code 6)",
  lineage: "A new lineage began",
  unbelievedLineage: "Something in the place of a lineage is not believed (exit code 6)",
  replica: "A replica was not filled (exit code 6)",
  storage: "Storage grows",
  lock: "A lock is missing or ends too soon",
  gap: "Backups were missed",
  drill: "A drill is overdue or failed",
  nodeFiles: "Files of a node were not collected",
  keys: "Keys are not as configured",
  rehearsal: "Break-glass was never rehearsed",
  nodes: "A node cannot open a bundle",
  sides: "A cluster is in the store or in the configuration alone",
  unknown: "An audit could not learn something",
} as const;

export const CODES = {
  "rpo/none": describe("error", RUNBOOK.age, "no snapshot of the cluster is good"),
  "rpo/exceeded": describe("error", RUNBOOK.age, "the newest good snapshot is older than the cluster's `rpo`"),
  "rpo/gap": describe("warn", RUNBOOK.gap, "good snapshots of the last days were further apart than the `rpo`"),
  "backup/failing": describe("warn", RUNBOOK.gap, "the last two backups failed, or more"),
  "snapshot/unbelieved": describe("error", RUNBOOK.verification, "a manifest is damaged, or nobody trusted signed it"),
  "snapshot/unverified": describe("warn", RUNBOOK.age, "a snapshot older than the `rpo` was never read back and countersigned"),
  "snapshot/not-good": describe(
    "warn",
    RUNBOOK.age,
    "a snapshot newer than the newest good one is in quarantine, unproven or not confirmed",
  ),
  "snapshot/future": describe("error", RUNBOOK.unaccounted, "a snapshot's id is in the future"),
  "document/unbelieved": describe(
    "error",
    RUNBOOK.verification,
    "a countersignature, pin, drill or rewrap is damaged, or nobody trusted signed it",
  ),
  "catalog/differs": describe(
    "error",
    RUNBOOK.verification,
    "a segment of the catalog, which is signed, says otherwise than the documents that it is of",
  ),
  "data/missing": describe("error", RUNBOOK.verification, "the data of a snapshot is not there"),
  "data/size": describe("error", RUNBOOK.verification, "the data of a snapshot is of another size than its manifest says"),
  "data/checksum": describe(
    "error",
    RUNBOOK.verification,
    "the store's own checksum of the data of the newest good snapshot is another than its manifest's",
  ),
  "store/foreign": describe(
    "warn",
    RUNBOOK.unaccounted,
    "something that lifeboat does not write lies among what a cluster has in the store",
  ),
  "lock/missing": describe("error", RUNBOOK.lock, "a snapshot is not locked, and by the configuration it would be"),
  "lock/short": describe("warn", RUNBOOK.lock, "the lock of a snapshot ends sooner than the configuration says"),
  "retention/overdue": describe("warn", RUNBOOK.storage, "snapshots that retention let go two days ago are still there"),
  "retention/missing": describe("warn", RUNBOOK.gap, "of a day, week, month or year that retention keeps a snapshot of there is none"),
  "custody/broken": describe("error", RUNBOOK.log, "the custody log was altered, cut or forged"),
  "custody/unaccounted": describe("error", RUNBOOK.unaccounted, "something is stored and not logged, or was logged and is gone"),
  "lineage/unaccepted": describe("error", RUNBOOK.lineage, "the lineage that the cluster is in waits for a person"),
  "lineage/unbelieved": describe("error", RUNBOOK.unbelievedLineage, "something in the place of a lineage is not believed"),
  "drill/never": describe(
    "warn",
    RUNBOOK.drill,
    "no snapshot of the cluster was ever restored in a drill, and the configuration asks for drills",
  ),
  "drill/overdue": describe("warn", RUNBOOK.drill, "the last drill is longer ago than the configuration asks for"),
  "drill/failed": describe("error", RUNBOOK.drill, "the last drill did not bring back what was backed up"),
  "node-files/missed": describe(
    "warn",
    RUNBOOK.nodeFiles,
    "files of a member were not collected for longer than the configuration asks for, or never",
  ),
  "key/other": describe("warn", RUNBOOK.keys, "the newest good snapshot does not open with the configured wrapping key"),
  "key/break-glass": describe(
    "warn",
    RUNBOOK.keys,
    "the newest good snapshot does not open with a break-glass identity, or none is configured",
  ),
  "key/not-rehearsed": describe("info", RUNBOOK.rehearsal, "within half a year nobody has opened anything with a break-glass identity"),
  "recipient/missing": describe(
    "info",
    RUNBOOK.nodes,
    "a member has no recipient of its name, so a bundle for it is made for somebody else",
  ),
  "replica/behind": describe("error", RUNBOOK.replica, "a replica does not have the newest good snapshot"),
  "replica/unreadable": describe("warn", RUNBOOK.replica, "a replica could not be asked"),
  "cluster/not-configured": describe("warn", RUNBOOK.sides, "a cluster is in the store and not in the configuration"),
  "cluster/not-stored": describe("error", RUNBOOK.sides, "a cluster is in the configuration, and nothing of it is stored"),
  "audit/unknown": describe("warn", RUNBOOK.unknown, "something that the audit asks could not be learned"),
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
