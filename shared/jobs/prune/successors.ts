import { findReplica } from "../../config/find-replica.ts";
import { LifeboatError } from "../../errors.ts";
import type { Decision, Reason } from "../../retention/decision.ts";
import { tryManifest } from "../../vault/catalog.ts";
import { standings } from "../copy/standing.ts";
import type { StandingPorts } from "../copy/standing.ts";

/** A decision of the policy, and what else bears on it. */
export type JudgedSnapshot = Omit<Decision, "verdict" | "reasons"> & {
  readonly verdict: "keep" | "remove";
  readonly reasons: readonly (Reason | ReplicaReason)[];
};

/** It would go, and a replica does not have yet what stands in its place. */
export interface ReplicaReason {
  readonly code: "replica";
  readonly text: string;
  readonly by: string;
}

/** Keeps what would go before each of its successors is in each of the replicas `names`. */
export async function keepUntilReplicated(
  ports: StandingPorts,
  cluster: string,
  decisions: readonly Decision[],
  names: readonly string[],
): Promise<readonly JudgedSnapshot[]> {
  if (names.length === 0) return decisions;
  const replicas = names.map((name) => findReplica(ports.replicas, name));
  const asked = new Map<string, Promise<string | undefined>>();
  const ask = (id: string): Promise<string | undefined> => {
    const answer = asked.get(id) ?? whyMissing({ ...ports, replicas }, cluster, id);
    asked.set(id, answer);
    return answer;
  };
  const judged: JudgedSnapshot[] = [];
  for (const decision of decisions) judged.push(await judgeOne(decision, ask));
  return judged;
}

async function judgeOne(decision: Decision, ask: (id: string) => Promise<string | undefined>): Promise<JudgedSnapshot> {
  if (decision.verdict === "keep") return decision;
  for (const by of new Set(decision.reasons.flatMap((each) => each.by ?? []))) {
    const text = await ask(by);
    if (text !== undefined) return { ...decision, verdict: "keep", reasons: [{ code: "replica", text, by }] };
  }
  return decision;
}

/** Undefined where each replica has it. */
async function whyMissing(ports: StandingPorts, cluster: string, id: string): Promise<string | undefined> {
  const found = await tryManifest(ports, cluster, id);
  if (found instanceof LifeboatError) return `${id}, which is kept instead, is not valid: ${found.message}`;
  const lacking = (await standings(ports, found)).find(({ state }) => state !== "present");
  return lacking === undefined ? undefined : `${id}, which is kept instead, is ${lacking.state} in the replica ${lacking.name}`;
}
