import type { Severity } from "../../etcd/finding.ts";

/** What a check of `lifeboat doctor` found; the same shape as preflight's findings. */
export interface DoctorFinding {
  /** Stable. */
  readonly code: "program-missing" | "program-unusable";
  readonly severity: Severity;
  readonly subject: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** What to do about it; empty where there is nothing to do. */
  readonly fix: string;
}
