import type { Clock } from "../clock.ts";
import { isLifeboatError } from "../errors.ts";
import type { ProofWanted } from "../etcd/cluster-facts.ts";
import type { EtcdSource } from "../etcd/etcd-source.ts";
import type { Finding } from "../etcd/finding.ts";
import { decideLineage, explainLineage } from "../etcd/lineage.ts";
import type { LineageDecision } from "../etcd/lineage.ts";
import { planBackup } from "./backup-plan.ts";
import type { BackupPlan } from "./backup-plan.ts";
import type { Vault } from "./catalog.ts";
import { readHistory } from "./lineage.ts";
import { surveyCluster } from "./survey.ts";
import type { Survey } from "./survey.ts";

export interface PreflightPorts extends Vault {
  readonly etcd: EtcdSource;
  readonly clock: Clock;
  readonly policy: ProofWanted;
}

export interface PreflightResult extends Survey {
  /** What a backup would do; undefined where no member could give a snapshot. */
  readonly plan: BackupPlan | undefined;
  readonly lineage: LineageDecision | undefined;
}

/** All that a backup would find, without taking one. Changes nothing. */
export async function preflight(ports: PreflightPorts, cluster: string, signal?: AbortSignal): Promise<PreflightResult> {
  const survey = await surveyCluster(ports.etcd, ports.clock, ports.policy, signal);
  const plan = planOf(cluster, survey);
  if (plan === undefined) return { ...survey, plan, lineage: undefined };
  const lineage = decideLineage(await readHistory(ports, cluster), plan);
  const change = explainLineage(cluster, lineage);
  return { ...survey, plan, lineage, findings: change === undefined ? survey.findings : [newLineage(cluster, change), ...survey.findings] };
}

/** Why there is no plan is among the findings already. */
function planOf(cluster: string, survey: Survey): BackupPlan | undefined {
  try {
    return planBackup(cluster, survey);
  } catch (error) {
    if (isLifeboatError(error, "etcd/")) return undefined;
    throw error;
  }
}

function newLineage(cluster: string, message: string): Finding {
  const fix = "see whether the endpoints are the right cluster's, and who restored it; the next backup opens the lineage";
  return { code: "new-lineage", severity: "problem", subject: cluster, message, fix };
}
