import { heardVoters, nameOf, statusesAt } from "./cluster-facts.ts";
import type { ClusterFacts, EndpointFacts } from "./cluster-facts.ts";
import { info, problem, warning } from "./finding.ts";
import type { Finding } from "./finding.ts";
import type { Member } from "./etcd-source.ts";

/** What there is to say where several members answer at one endpoint, and of the number of voters that is configured for it. */
export function behindFindings(facts: ClusterFacts): readonly Finding[] {
  const listed = facts.members instanceof Error ? undefined : facts.members;
  return [...facts.endpoints.flatMap((endpoint) => findingsAt(endpoint, listed)), ...votersFindings(facts, listed)];
}

function findingsAt(facts: EndpointFacts, listed: readonly Member[] | undefined): readonly Finding[] {
  const { endpoint, behind } = facts;
  if (behind === undefined) return [];
  const names = behind.statuses.map(({ memberId }) => nameOf(memberId, listed ?? [])).join(", ");
  const found = [
    info(
      behind.kind,
      endpoint,
      behind.kind === "grpc-proxy"
        ? `this is an etcd grpc-proxy, behind which ${names} answered: which member sends the snapshot is not known and cannot be chosen`
        : `a load balancer stands before several members, of which ${names} answered: which one sends the snapshot is not known and cannot be chosen`,
      "nothing need be done; with the endpoints of the members themselves followers are asked before the leader",
    ),
  ];
  for (const { memberId, isLearner } of behind.statuses) {
    const name = nameOf(memberId, listed ?? []);
    if (isLearner)
      found.push(
        warning(
          "learner",
          endpoint,
          `${name} behind it is a learner, and may be who sends the snapshot`,
          "promote it, or take it out there",
        ),
      );
    else if (listed !== undefined && listed.every(({ id }) => id !== memberId))
      found.push(
        problem(
          "not-a-member",
          endpoint,
          `the cluster does not list ${memberId}, which answers behind it`,
          "take that member out there, or see why it was removed from the cluster",
        ),
      );
  }
  return found;
}

/** A number that is too small would let too few members make a quorum. */
function votersFindings({ wanted, endpoints }: ClusterFacts, listed: readonly Member[] | undefined): readonly Finding[] {
  if (wanted.voters === undefined || endpoints.every((each) => statusesAt(each).length === 0)) return [];
  const fix = "correct voters in the configuration";
  if (listed !== undefined) {
    const voting = listed.filter(({ isLearner }) => !isLearner).length;
    if (voting === wanted.voters) return [];
    return [
      warning(
        "voters-differ",
        "cluster",
        `voters is ${wanted.voters}, and the cluster lists ${voting} voting members, which is what counts`,
        fix,
      ),
    ];
  }
  const heard = heardVoters(endpoints);
  if (heard <= wanted.voters) return [];
  return [problem("voters-differ", "cluster", `voters is ${wanted.voters}, and ${heard} different members answered`, fix)];
}
