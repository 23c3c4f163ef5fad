export type Severity = "problem" | "warning" | "info";

/** Stable names for what a look at a cluster can find. A problem keeps a good backup from being taken, a warning will do so one day or should be known. */
export type FindingCode =
  | "endpoint-unreachable"
  | "tls"
  | "not-authenticated"
  | "no-member"
  | "permission-denied"
  | "permission-unknown"
  | "no-leader"
  | "no-quorum"
  | "clusters-differ"
  | "corrupt"
  | "nospace"
  | "learner"
  | "not-a-member"
  | "member-without-endpoint"
  | "member-not-started"
  | "versions-differ"
  | "certificate-expired"
  | "certificate-expiring"
  | "certificate-not-yet-valid"
  | "plain-http"
  | "slow"
  | "member-error"
  | "members-unknown"
  | "new-lineage"
  | "grpc-proxy"
  | "balancer"
  | "voters-differ"
  | "unproven-ahead"
  | "gate-missing"
  | "lineage-unaccepted"
  | "lineage-unbelieved"
  | "lineage-unknown";

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What it is about: an endpoint, a member's name or id, `client certificate`, `cluster`. */
  readonly subject: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** What to do about it; empty where there is nothing to do. */
  readonly fix: string;
}

export function problem(code: FindingCode, subject: string, message: string, fix: string): Finding {
  return { code, severity: "problem", subject, message, fix };
}

export function warning(code: FindingCode, subject: string, message: string, fix: string): Finding {
  return { code, severity: "warning", subject, message, fix };
}

export function info(code: FindingCode, subject: string, message: string, fix: string): Finding {
  return { code, severity: "info", subject, message, fix };
}
