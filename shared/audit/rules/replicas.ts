import type { ClusterFacts, ReplicaFact } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** Whether each replica has the newest good snapshot. */
export function judgeReplicas({ cluster, replicas }: Pick<ClusterFacts, "cluster" | "replicas">): readonly Finding[] {
  return replicas.flatMap((replica) => judgeReplica(cluster, replica));
}

function judgeReplica(cluster: string, { name, location, newestGood }: ReplicaFact): readonly Finding[] {
  const subject = `replica ${name}`;
  if (!newestGood.known)
    return [
      found("replica/unreadable", {
        cluster,
        subject,
        message: newestGood.why,
        evidence: [location],
        fix: "check that it can be reached from here",
      }),
    ];
  if (newestGood.value === undefined || newestGood.value.state === "present") return [];
  const { state, reason } = newestGood.value;
  return [
    found("replica/behind", {
      cluster,
      subject,
      message: `it does not have the newest good snapshot: ${WORDS[state]}`,
      evidence: [location, ...(reason === undefined ? [] : [reason])],
      fix: `lifeboat copy ${cluster}/good copies it`,
    }),
  ];
}

const WORDS = {
  missing: "it is not there",
  different: "another manifest is in its place",
  incomplete: "its data is not there, or not whole",
} as const;
