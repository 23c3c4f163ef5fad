import { ageText } from "../../age-text.ts";
import type { ClusterFacts, ClusterPolicy } from "../facts.ts";
import { found } from "../finding.ts";
import type { Finding } from "../finding.ts";

/** A quarter of the period, as of drills: what is collected each period comes a little later each time. */
const LATE = 1.25;

/** What is looked at. */
export interface NodeSetFacts extends Pick<ClusterFacts, "cluster" | "now" | "newestGood" | "nodeSets"> {
  readonly policy: Pick<ClusterPolicy, "nodeFilesEveryMs"> | undefined;
}

/** Whether files of each voting member came as often as the configuration asks for; where no member is known, of each node that ever gave any. */
export function judgeNodeFiles({ cluster, now, policy, newestGood, nodeSets }: NodeSetFacts): readonly Finding[] {
  const every = policy?.nodeFilesEveryMs;
  if (every === undefined || nodeSets?.known !== true) return [];
  const last = new Map(nodeSets.value.map(({ node, collectedAt }) => [node.toLowerCase(), collectedAt]));
  const members = newestGood.known ? (newestGood.value?.members ?? []) : [];
  const missed = (members.length > 0 ? members : [...last.keys()]).flatMap((node) => {
    // As a recipient of its bundle it has the name in lower case.
    const at = last.get(node.toLowerCase());
    if (at === undefined) return [{ node, said: `${node}: never` }];
    return now - at <= LATE * every ? [] : [{ node, said: `${node}: ${ageText(now - at)} ago` }];
  });
  const isNone = last.size === 0;
  if (missed.length === 0 && !isNone) return [];
  return [
    found("node-files/missed", {
      cluster,
      subject: cluster,
      message: isNone
        ? "files of its nodes were never collected"
        : `files of ${missed.map(({ node }) => node).join(", ")} were not collected in time`,
      evidence: [...(isNone ? [] : missed.map(({ said }) => said)), `nodeFiles.every is ${ageText(every)}`],
      fix: `lifeboat node-files ls ${cluster} says what came last; look whether collect.sh runs on each node, and lifeboat node-files add --inbox`,
    }),
  ];
}
