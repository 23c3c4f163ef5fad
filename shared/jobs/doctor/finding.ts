import type { LifeboatError } from "../../errors.ts";
import type { FindingCode, Severity } from "../../etcd/finding.ts";

/** Stable names for what `lifeboat doctor` can find; what it finds of etcd has preflight's. docs/cli.md lists them. */
export type DoctorCode =
  | FindingCode
  | "no-configuration"
  | "no-clusters"
  | "not-checked"
  | "not-seen"
  | "program-missing"
  | "program-unofficial"
  | "program-unusable"
  | "versioning-off"
  | "lock-off"
  | "lock-without-retention"
  | "public-access"
  | "policy-tls"
  | "policy-conditional-writes"
  | "policy-unreadable"
  | "uploads-kept"
  | "lifecycle-removes"
  | "lifecycle-moves"
  | "encryption-off"
  | "acls-enabled"
  | "owner-not-named"
  | "store-plain-http"
  | "store-refused"
  | "store-unmarked"
  | "folder-missing"
  | "folder-denied"
  | "folder-open"
  | "folder-shared"
  | "disk-full"
  | "disk-in-memory"
  | "key-missing"
  | "key-unusable"
  | "key-state"
  | "key-kind"
  | "key-shared"
  | "key-untrusted"
  | "key-not-rotated"
  | "key-folder-open"
  | "break-glass-missing"
  | "no-role"
  | "beyond-its-role"
  | "clock-skew"
  | "maintenance-of-another"
  | "maintenance-overdue"
  | "locks-expire"
  | "writer-reads"
  | "drill-never"
  | "drill-overdue"
  | "drill-failed";

/** What a check of `lifeboat doctor` found; the same shape as preflight's findings. */
export interface DoctorFinding {
  readonly code: DoctorCode;
  /** `problem`: something fails, or a promise does not hold; `warning`: it will one day, or a line of defence is missing; `info`: to be known. */
  readonly severity: Severity;
  readonly subject: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** What to do about it; empty where there is nothing to do. */
  readonly fix: string;
}

/** What stopped a check altogether. */
export function notChecked(subject: string, { message, hint = "" }: LifeboatError): DoctorFinding {
  return { code: "not-checked", severity: "problem", subject, message, fix: hint };
}

const RANK: Readonly<Record<Severity, number>> = { problem: 0, warning: 1, info: 2 };

/** The problems first; within a severity as they came. */
export function bySeverity(findings: readonly DoctorFinding[]): readonly DoctorFinding[] {
  return findings.toSorted((one, other) => RANK[one.severity] - RANK[other.severity]);
}
