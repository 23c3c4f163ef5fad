import type { AuditOutcome } from "../shared/contract/outcomes.ts";
import type { ReportData } from "../shared/contract/report.ts";
import { REPORT_KEY } from "../shared/documents/layout.ts";
import type { Measured } from "./metrics.ts";

/** What the audit says of all clusters, in short. Pure. */

/** An outcome is kept in the log, and shown by consoles: so many findings are named. */
const NAMED = 20;
const OVERDUE: ReadonlySet<string> = new Set(["drill/never", "drill/overdue"]);

export function outcomeOf({ clusters, findings }: ReportData): AuditOutcome {
  const errors = findings.filter(({ severity }) => severity === "error");
  return {
    clusters: clusters.map(({ name, verdict }) => {
      const { auditErrors: of, auditWarnings: warnings } = countsOf(findings.filter(({ cluster }) => cluster === name));
      return { cluster: name, verdict: verdict.word, errors: of, warnings };
    }),
    findings: errors.slice(0, NAMED).map(({ subject, message, code }) => `${subject}: ${message} [${code}]`),
    report: REPORT_KEY,
  };
}

/** Metrics of each cluster, and at last of the service, without one: sums, on which the alarms rest. */
export function measuredOf({
  clusters,
  findings,
}: ReportData): readonly { readonly cluster: string | undefined; readonly measured: Measured }[] {
  const each = clusters.map(({ name, verdict }) => ({
    cluster: name,
    measured: { ...countsOf(findings.filter(({ cluster }) => cluster === name)), notReady: verdict.word === "not ready" ? 1 : 0 },
  }));
  const notReady = each.reduce((sum, { measured }) => sum + measured.notReady, 0);
  return [...each, { cluster: undefined, measured: { ...countsOf(findings), notReady } }];
}

function countsOf(findings: ReportData["findings"]): Readonly<Record<"auditErrors" | "auditWarnings" | "drillOverdue", number>> {
  return {
    auditErrors: findings.filter(({ severity }) => severity === "error").length,
    auditWarnings: findings.filter(({ severity }) => severity === "warn").length,
    drillOverdue: findings.filter(({ code }) => OVERDUE.has(code)).length,
  };
}
