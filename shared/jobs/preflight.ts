import type { Clock } from "../clock.ts";
import type { EtcdSource } from "../etcd/etcd-source.ts";
import type { Finding } from "../etcd/findings.ts";
import { explainLineage } from "../etcd/lineage.ts";
import type { LineageDecision } from "../etcd/lineage.ts";
import type { Vault } from "./catalog.ts";
import { findLineage } from "./lineage.ts";
import { requireSource, surveyCluster } from "./survey.ts";
import type { Survey } from "./survey.ts";

export interface PreflightPorts extends Vault {
  readonly etcd: EtcdSource;
  readonly clock: Clock;
}

export interface PreflightResult extends Survey {
  /** Of the member that a backup would ask first; undefined where there is none. */
  readonly clusterId: string | undefined;
  readonly revision: number | undefined;
  readonly lineage: LineageDecision | undefined;
}

/** All that a backup would find, without taking one. Changes nothing. */
export async function preflight(ports: PreflightPorts, cluster: string, signal?: AbortSignal): Promise<PreflightResult> {
  const survey = await surveyCluster(ports.etcd, ports.clock, signal);
  if (survey.sources.length === 0) return { ...survey, clusterId: undefined, revision: undefined, lineage: undefined };
  const { clusterId, revision } = requireSource(cluster, survey);
  const lineage = await findLineage(ports, cluster, { clusterId, revision });
  const change = explainLineage(cluster, lineage);
  return {
    ...survey,
    clusterId,
    revision,
    lineage,
    findings: change === undefined ? survey.findings : [newLineage(cluster, change), ...survey.findings],
  };
}

function newLineage(cluster: string, message: string): Finding {
  const fix = "see whether the endpoints are the right cluster's, and who restored it; the next backup opens the lineage";
  return { code: "new-lineage", severity: "problem", subject: cluster, message, fix };
}
