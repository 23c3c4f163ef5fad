import type { DrillFact } from "../../audit/facts.ts";
import type { Finding } from "../../audit/finding.ts";
import type { Clock } from "../../clock.ts";
import type { Vault } from "../../vault/vault.ts";
import { checkDrills } from "../audit/drills.ts";
import { attempt } from "./attempt.ts";
import type { DoctorCode, DoctorFinding } from "./finding.ts";

export interface DrillsAsked {
  readonly cluster: string;
  /** Undefined where nobody asks for drills. */
  readonly everyMs: number | undefined;
}

export interface DrillsReport extends DrillsAsked {
  readonly last: DrillFact | undefined;
  readonly findings: readonly DoctorFinding[];
}

/** Whether restores of each cluster were rehearsed as often as the configuration says, and the last one went well. The store is opened only where any is asked for. */
export function checkDrillsOf(
  open: () => Promise<Vault & { readonly clock: Clock }>,
  asked: readonly DrillsAsked[],
  signal: AbortSignal,
): Promise<readonly DrillsReport[]> {
  return Promise.all(
    asked.map(async ({ cluster, everyMs }) => {
      if (everyMs === undefined) return { cluster, everyMs, last: undefined, findings: [] };
      const [check, failures] = await attempt(cluster, async () => checkDrills(await open(), cluster, everyMs, signal));
      return { cluster, everyMs, last: check?.last, findings: [...failures, ...(check?.findings ?? []).map(asDoctorFinding)] };
    }),
  );
}

const CODES: Readonly<Record<string, DoctorCode>> = {
  "drill/never": "drill-never",
  "drill/overdue": "drill-overdue",
  "drill/failed": "drill-failed",
};

function asDoctorFinding({ code, severity, subject, message, evidence, fix, runbook }: Finding): DoctorFinding {
  return {
    code: CODES[code] ?? "not-checked",
    severity: severity === "info" ? "info" : severity === "warn" ? "warning" : "problem",
    subject,
    message: `${message}: ${evidence.join(", ")}`,
    fix: `${fix}; docs/runbook.md, "${runbook}"`,
  };
}
