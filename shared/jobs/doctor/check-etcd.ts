import { isLifeboatError } from "../../errors.ts";
import type { Vault } from "../../vault/vault.ts";
import { readLineages } from "../../vault/lineage/lineages.ts";
import { lineageFindings, preflight, type PreflightPorts, type PreflightResult } from "../preflight.ts";
import { surveyCluster } from "../../etcd/survey.ts";
import { attempt } from "./attempt.ts";
import { bySeverity, type DoctorFinding } from "./finding.ts";

export interface ClusterReport {
  readonly cluster: string;
  /** Undefined where it could not be asked at all: a secret that is not there, a certificate that is none. */
  readonly result: PreflightResult | undefined;
  readonly findings: readonly DoctorFinding[];
}

/** Gives a connection to a cluster for as long as `look` runs. */
export type Connect = <T>(cluster: string, look: (ports: PreflightPorts) => Promise<T>) => Promise<T>;

/** What `lifeboat preflight` says of each cluster, each finding under the cluster's name; of one that cannot be asked, what `openVault`'s store knows of its lineages. */
export async function checkEtcd(
  clusters: readonly string[],
  connect: Connect,
  openVault: () => Promise<Vault>,
  signal: AbortSignal,
): Promise<readonly ClusterReport[]> {
  return Promise.all(clusters.map((cluster) => checkCluster(cluster, connect, openVault, signal)));
}

async function checkCluster(
  cluster: string,
  connect: Connect,
  openVault: () => Promise<Vault>,
  signal: AbortSignal,
): Promise<ClusterReport> {
  const [result, failures] = await attempt(cluster, () => connect(cluster, (ports) => look(ports, cluster, signal)));
  if (result === undefined) {
    // A store that cannot be read is told by the check of the store.
    const [lineages] = await attempt(cluster, async () => readLineages(await openVault(), cluster, signal));
    return { cluster, result, findings: [...failures, ...(lineages === undefined ? [] : lineageFindings(cluster, lineages))] };
  }
  const findings = result.findings.map((finding) => ({ ...finding, subject: nameIn(cluster, finding.subject) }));
  return { cluster, result, findings: bySeverity(findings) };
}

/** A store that cannot be read says nothing against etcd; only the lineage is then not known. */
async function look(ports: PreflightPorts, cluster: string, signal: AbortSignal): Promise<PreflightResult> {
  try {
    return await preflight(ports, cluster, signal);
  } catch (error) {
    if (!isLifeboatError(error, "store/", "verify/")) throw error;
    const survey = await surveyCluster(ports.etcd, ports.clock, ports.policy, signal);
    return { ...survey, plan: undefined, lineage: undefined, lineageAttention: undefined, gates: new Map() };
  }
}

function nameIn(cluster: string, subject: string): string {
  return subject === "cluster" || subject === cluster ? cluster : `${cluster}: ${subject}`;
}

/** Where the configuration names no cluster. */
export const NO_CLUSTERS: DoctorFinding = {
  code: "no-clusters",
  severity: "info",
  subject: "clusters",
  message: "the configuration names no cluster, so there is nothing to back up",
  fix: "add one under clusters, as the example in it shows",
};
