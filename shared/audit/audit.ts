import type { ClusterFacts } from "./facts.ts";
import { SEVERITIES } from "./finding.ts";
import type { Finding } from "./finding.ts";
import { judgeCluster } from "./rules/clusters.ts";
import { judgeCustody } from "./rules/custody.ts";
import { judgeData } from "./rules/data.ts";
import { judgeDrills } from "./rules/drills.ts";
import { judgeHistory } from "./rules/history.ts";
import { judgeBreakGlass, judgeRehearsal, judgeWrapping } from "./rules/keys.ts";
import { judgeLineages } from "./rules/lineages.ts";
import { judgeLocks } from "./rules/locks.ts";
import { judgeNodeFiles } from "./rules/node-files.ts";
import { judgeRecipients } from "./rules/recipients.ts";
import { judgeReplicas } from "./rules/replicas.ts";
import { goingIn, judgeRetention } from "./rules/retention.ts";
import { judgeRpo } from "./rules/rpo.ts";
import { judgeSnapshots } from "./rules/snapshots.ts";
import { judgeUnknowns } from "./rules/unknowns.ts";

/** All that an audit finds of one cluster, the worst first. Pure. */
export function audit(facts: ClusterFacts): readonly Finding[] {
  const findings = [
    ...judgeCluster(facts),
    ...judgeRpo(facts),
    ...judgeSnapshots(facts),
    ...judgeData(facts),
    ...judgeCustody(facts),
    ...judgeLineages(facts),
    ...judgeReplicas(facts),
    ...judgeLocks(facts, () => new Set(goingIn(facts, facts.now))),
    ...judgeRetention(facts),
    ...judgeDrills(facts),
    ...judgeNodeFiles(facts),
    ...judgeHistory(facts),
    ...judgeWrapping(facts),
    ...judgeBreakGlass(facts),
    ...judgeRehearsal(facts),
    ...judgeRecipients(facts),
    ...judgeUnknowns(facts),
  ];
  return findings.toSorted((one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity));
}
