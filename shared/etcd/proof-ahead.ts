import { votesNeeded } from "./agreement.ts";
import { statusesAt, UNKNOWN_MEMBER, votersOf } from "./cluster-facts.ts";
import type { ClusterFacts } from "./cluster-facts.ts";
import type { Member } from "./etcd-source.ts";
import { problem } from "./finding.ts";
import type { Finding } from "./finding.ts";
import { isLifeboatError } from "../errors.ts";

/**
 * Whether the next backup can be proven at all: as many members as the agreement needs must be there to be asked for HashKV, which learners, members without an endpoint and
 * those that deny it are not.
 */
export function foreseeProof(facts: ClusterFacts): readonly Finding[] {
  const { agreement } = facts.wanted;
  const voters = votersOf(facts);
  const needed = votesNeeded({ agreement, voters, sourceId: UNKNOWN_MEMBER });
  if (needed === undefined) {
    const isProxied = facts.endpoints.some(({ behind }) => behind?.kind === "grpc-proxy");
    const why = isProxied ? "behind a grpc-proxy the number of voting members is not known" : "nobody could list the members";
    const fix = `set voters to the number of voting members, or configure the endpoints of the members themselves, or set agreement: one`;
    return [problem("unproven-ahead", "cluster", `the next backup will be unproven: agreement ${agreement} is asked for, and ${why}`, fix)];
  }
  const askable = votersToAsk(facts);
  // Where nobody can be asked no snapshot can be had either, which is a finding of its own.
  if (askable.size >= needed || askable.size === 0) return [];
  const message = `the next backup will be unproven: agreement ${agreement} needs ${needed} of ${voters ?? "the"} voting members, and the configured endpoints lead to ${askable.size} that can be asked`;
  return [problem("unproven-ahead", "cluster", message, fixOf(facts, askable))];
}

/** Ids of the voting members that answer, and do not refuse. */
function votersToAsk({ endpoints, members }: ClusterFacts): ReadonlySet<string> {
  const listed = members instanceof Error ? [] : members;
  const isVoter = (id: string): boolean => listed.length === 0 || listed.some((each) => each.id === id && !each.isLearner);
  const open = endpoints.filter(({ permission }) => !isLifeboatError(permission, "etcd/denied", "etcd/auth"));
  const ids = open.flatMap((each) => statusesAt(each).flatMap(({ memberId, isLearner }) => (isLearner ? [] : [memberId])));
  return new Set(ids.filter(isVoter));
}

function fixOf({ endpoints, members }: ClusterFacts, askable: ReadonlySet<string>): string {
  const configured = new Set(endpoints.map(({ endpoint }) => endpoint));
  const missing = members instanceof Error ? [] : members.filter(({ id, isLearner }) => !isLearner && !askable.has(id));
  const addable = missing.flatMap((member) => urlToAdd(member, configured) ?? []);
  const first = addable.length > 0 ? `add ${addable.join(" and ")} to endpoints` : "fix what prevents the others from being asked";
  return `${first}, or set agreement: one, which trusts one member alone`;
}

/** Where a member can be reached that is not configured yet; undefined where there is no such URL. */
export function urlToAdd({ clientUrls }: Member, configured: ReadonlySet<string>): string | undefined {
  return clientUrls.find((url) => !configured.has(url));
}
