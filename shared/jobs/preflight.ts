import type { Clock } from "../clock.ts";
import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import type { ProofWanted } from "../etcd/cluster-facts.ts";
import type { EtcdSource } from "../etcd/etcd-source.ts";
import { warning } from "../etcd/finding.ts";
import type { Finding } from "../etcd/finding.ts";
import { decideLineage, explainLineage } from "../etcd/lineage.ts";
import type { LineageDecision } from "../etcd/lineage.ts";
import { attentionOfLineage, howToAccept } from "../documents/lineages.ts";
import type { LineageAttention, LineageFault } from "../documents/lineages.ts";
import { planBackup } from "./backup/plan.ts";
import type { BackupPlan } from "./backup/plan.ts";
import type { Vault } from "../vault/vault.ts";
import { readHistory } from "../vault/lineage/history.ts";
import { openFaults } from "../vault/lineage/lineages.ts";
import type { Lineages } from "../vault/lineage/lineages.ts";
import { surveyCluster } from "../etcd/survey.ts";
import type { Survey } from "../etcd/survey.ts";

export interface PreflightPorts extends Vault {
  readonly etcd: EtcdSource;
  readonly clock: Clock;
  readonly policy: ProofWanted;
}

export interface PreflightResult extends Survey {
  /** What a backup would do; undefined where no member could give a snapshot. */
  readonly plan: BackupPlan | undefined;
  readonly lineage: LineageDecision | undefined;
  /** Why a person should look at the lineage that the cluster is in; undefined where nobody need, or where that is not known. */
  readonly lineageAttention: LineageAttention | undefined;
  /** Of each endpoint that gave its status: whether a gate stands before it (docs/gate.md); undefined where that could not be learned. */
  readonly gates: ReadonlyMap<string, boolean | undefined>;
}

/** All that a backup would find, without taking one. Changes nothing. */
export async function preflight(ports: PreflightPorts, cluster: string, signal?: AbortSignal): Promise<PreflightResult> {
  const survey = await surveyCluster(ports.etcd, ports.clock, ports.policy, signal);
  const plan = planOf(cluster, survey);
  const gates = await lookForGates(ports.etcd, survey, signal);
  // What the store knows is told though etcd cannot be reached; then etcd is what it is about, and not the store.
  const [history, unread] = await readHistory(ports, cluster, survey.now, signal).then(
    (known) => [known, []] as const,
    (error: unknown) => {
      if (plan !== undefined || !isLifeboatError(error, "store/", "verify/")) throw error;
      return [undefined, [unknownLineage(cluster, error)]] as const;
    },
  );
  const lineage = history === undefined || plan === undefined ? undefined : decideLineage(history, plan);
  const change = lineage === undefined ? undefined : explainLineage(cluster, lineage);
  const about = history === undefined ? unread : lineageFindings(cluster, history.lineages);
  return {
    ...survey,
    plan,
    lineage,
    lineageAttention: attentionOfLineage(cluster, history?.lineages.links.at(-1)),
    gates,
    findings: [...(change === undefined ? [] : [newLineage(cluster, change)]), ...about, ...survey.findings, ...besideTheGate(gates)],
  };
}

async function lookForGates(
  etcd: EtcdSource,
  { endpoints }: Survey,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, boolean | undefined>> {
  const answering = endpoints.filter(({ status }) => !(status instanceof Error));
  const look = async (endpoint: string): Promise<boolean | undefined> => {
    try {
      return await etcd.isGated(endpoint, signal);
    } catch (error) {
      if (isLifeboatError(error, "etcd/")) return undefined;
      throw error;
    }
  };
  return new Map(await Promise.all(answering.map(async ({ endpoint }) => [endpoint, await look(endpoint)] as const)));
}

/** One member without a gate is all that a thief of the service's certificate needs. */
function besideTheGate(gates: ReadonlyMap<string, boolean | undefined>): readonly Finding[] {
  if (![...gates.values()].includes(true)) return [];
  return [...gates].flatMap(([endpoint, isGated]) =>
    isGated === false
      ? [
          warning(
            "gate-missing",
            endpoint,
            "other endpoints are behind a gate, and this one takes every call",
            "set the gate up before this member too, or let the firewall keep the service from it (docs/gate.md)",
          ),
        ]
      : [],
  );
}

/** What a person should do about the lineages of a cluster, as they stand in the store. */
export function lineageFindings(cluster: string, lineages: Lineages): readonly Finding[] {
  const attention = attentionOfLineage(cluster, lineages.links.at(-1));
  return [
    ...(attention === undefined ? [] : [unaccepted(cluster, attention)]),
    ...openFaults(lineages).map((fault) => unbelieved(cluster, fault)),
  ];
}

function unaccepted(cluster: string, { number, message, since }: LineageAttention): Finding {
  const fix = howToAccept(cluster, number);
  return { code: "lineage-unaccepted", severity: "problem", subject: cluster, message: `${message} (since ${since})`, fix };
}

function unbelieved(cluster: string, { message }: LineageFault): Finding {
  const fix = "find out who put it there, and remove it; until then it is ignored";
  return { code: "lineage-unbelieved", severity: "problem", subject: cluster, message, fix };
}

function unknownLineage(cluster: string, { message, hint }: LifeboatError): Finding {
  const fix = hint ?? "see what is wrong with the store";
  return { code: "lineage-unknown", severity: "warning", subject: cluster, message: `the lineage is not known: ${message}`, fix };
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
  const fix = "check whether the endpoints are the right cluster's, and who restored it; the next backup opens the lineage";
  return { code: "new-lineage", severity: "problem", subject: cluster, message, fix };
}
