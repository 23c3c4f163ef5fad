import type { ClusterFacts } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { nameSome } from "../about-many.ts";

/** Whether a cluster is known on both sides, and whether its place in the store is its own. */
export function judgeCluster({
  cluster,
  policy,
  snapshots,
  foreign,
}: Pick<ClusterFacts, "cluster" | "policy" | "snapshots" | "foreign">): readonly Finding[] {
  const findings: Finding[] = [];
  if (policy === undefined)
    findings.push(
      found("cluster/not-configured", {
        cluster,
        subject: cluster,
        message: "it is stored, and the configuration does not know it: nobody backs it up and no retention is applied",
        evidence: snapshots.known ? [`${snapshots.value.length} snapshots are stored`] : [],
        fix: "add it to clusters, or keep in mind that it was given up",
      }),
    );
  else if (snapshots.known && snapshots.value.length === 0)
    findings.push(
      found("cluster/not-stored", {
        cluster,
        subject: cluster,
        message: "it is configured, and no snapshot of it is stored",
        fix: `lifeboat preflight ${cluster}, then lifeboat backup ${cluster}; where there were snapshots, find out who removed them`,
      }),
    );
  if (foreign.known && foreign.value.length > 0)
    findings.push(
      found("store/foreign", {
        cluster,
        subject: foreign.value[0] ?? cluster,
        message: `lifeboat does not write ${foreign.value.length === 1 ? "that" : "these"}`,
        evidence: foreign.value.length === 1 ? [] : [nameSome(foreign.value)],
        fix: "find out who put it there, and move it out of the store",
      }),
    );
  return findings;
}
