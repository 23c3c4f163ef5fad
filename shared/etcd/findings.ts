import type { ErrorCode } from "../errors.ts";
import { alarmsOf } from "./alarms.ts";
import { behindFindings } from "./behind-findings.ts";
import { chooseMembers } from "./choice.ts";
import { certificateFindings } from "./certificate-findings.ts";
import { nameOf, statusesAt, statusesOf } from "./cluster-facts.ts";
import type { ClusterFacts, EndpointFacts } from "./cluster-facts.ts";
import { problem, warning } from "./finding.ts";
import type { Finding, FindingCode, Severity } from "./finding.ts";
import type { Alarm, EndpointStatus, Member } from "./etcd-source.ts";
import { foreseeProof, urlToAdd } from "./proof-ahead.ts";

/** etcd's default heartbeat interval: a member that takes longer to say its status is far away or busy. */
const SLOW_MS = 100;

/** Why an endpoint gave no status, where the way to it is open. */
const SILENCE: Partial<Record<ErrorCode, FindingCode>> = {
  "etcd/tls": "tls",
  "etcd/auth": "not-authenticated",
  "etcd/denied": "not-authenticated",
};

/** Everything that a person should know, the problems first, within a severity in the order of the endpoints. */
export function findings(facts: ClusterFacts): readonly Finding[] {
  const all = [
    ...facts.endpoints.flatMap((endpoint) => endpointFindings(endpoint, facts.now)),
    ...clusterFindings(facts),
    ...behindFindings(facts),
    ...memberFindings(facts),
  ];
  if (facts.clientCertificate !== undefined) all.push(...certificateFindings("client certificate", facts.clientCertificate, facts.now));
  const rank: Record<Severity, number> = { problem: 0, warning: 1, info: 2 };
  return all.toSorted((one, other) => rank[one.severity] - rank[other.severity]);
}

function endpointFindings(facts: EndpointFacts, now: Date): readonly Finding[] {
  const { endpoint, status, permission, certificate } = facts;
  const found: Finding[] = [];
  if (status instanceof Error) {
    found.push(
      problem(SILENCE[status.code] ?? "endpoint-unreachable", endpoint, status.message, status.hint ?? "check whether etcd runs there"),
    );
  } else {
    if (status.latencyMs > SLOW_MS) {
      found.push(
        warning(
          "slow",
          endpoint,
          `its status took ${Math.round(status.latencyMs)} ms`,
          "run backups from nearer by, or look at the member's load",
        ),
      );
    }
    if (statusesAt(facts).every(({ leaderId }) => leaderId === undefined)) {
      found.push(
        problem(
          "no-leader",
          endpoint,
          "the member reports no leader",
          "bring its cluster back to a quorum: `etcdctl endpoint status --cluster`",
        ),
      );
    }
    for (const words of new Set(statusesAt(facts).flatMap(({ errors }) => errors)))
      found.push(warning("member-error", endpoint, `etcd says of it: ${words}`, "see the member's log"));
    if (permission instanceof Error && !status.isLearner) {
      const { code, message, hint = "" } = permission;
      found.push(
        code === "etcd/denied" || code === "etcd/auth"
          ? problem("permission-denied", endpoint, message, hint)
          : warning("permission-unknown", endpoint, `it is not known whether it would give a snapshot: ${message}`, hint),
      );
    }
  }
  if (endpoint.startsWith("http://")) {
    found.push(
      warning(
        "plain-http",
        endpoint,
        "snapshots and passwords cross the network unencrypted",
        "start etcd with TLS and write the endpoint as https://",
      ),
    );
  }
  if (certificate !== undefined && !(certificate instanceof Error)) found.push(...certificateFindings(endpoint, certificate, now));
  return found;
}

function clusterFindings(facts: ClusterFacts): readonly Finding[] {
  const { endpoints, members } = facts;
  const statuses = statusesOf(endpoints);
  if (statuses.length === 0) return [];
  const found: Finding[] = [];
  const clusters = Map.groupBy(statuses, ({ clusterId }) => clusterId);
  if (clusters.size > 1) {
    const each = [...clusters].map(([id, of]) => `${id} at ${endpointsOf(of)}`).join("; ");
    found.push(
      problem(
        "clusters-differ",
        "cluster",
        `the endpoints belong to different clusters: ${each}`,
        "list the endpoints of one cluster only",
      ),
    );
  }
  const versions = Map.groupBy(statuses, ({ version }) => version);
  if (versions.size > 1) {
    const each = [...versions].map(([version, of]) => `${version} at ${endpointsOf(of)}`).join("; ");
    found.push(
      warning(
        "versions-differ",
        "cluster",
        `the members run different versions: ${each}`,
        "finish the upgrade: restore with the tools of the lowest",
      ),
    );
  }
  if (members instanceof Error) {
    // Of a grpc-proxy there is a word of its own.
    if (endpoints.every(({ behind }) => behind?.kind !== "grpc-proxy"))
      found.push(warning("members-unknown", "cluster", members.message, members.hint ?? ""));
  } else {
    found.push(...quorumFindings(statuses, members));
  }
  const listed = members instanceof Error ? [] : members;
  found.push(...alarmFindings(alarmsOf(statuses), listed));
  const { candidates } = chooseMembers(statuses, listed);
  if (candidates.length === 0) {
    found.push(
      problem(
        "no-member",
        "cluster",
        "no healthy voting member answers, so there is none to take a snapshot from",
        "see the other findings, and give the endpoints of all voting members",
      ),
    );
  } else if (clusters.size === 1 && !found.some(({ code }) => code === "corrupt")) found.push(...foreseeProof(facts));
  return found;
}

function endpointsOf(statuses: readonly EndpointStatus[]): string {
  return [...new Set(statuses.map(({ endpoint }) => endpoint))].join(", ");
}

/** Counts whom we see: with too few endpoints configured this says nothing of the cluster, so it is silent as long as a leader is known. */
function quorumFindings(statuses: readonly EndpointStatus[], members: readonly Member[]): readonly Finding[] {
  const voting = members.filter(({ isLearner }) => !isLearner);
  const quorum = Math.floor(voting.length / 2) + 1;
  const well = voting.filter(({ id }) => statuses.some(({ memberId, leaderId }) => memberId === id && leaderId !== undefined));
  if (well.length >= quorum || statuses.some(({ leaderId }) => leaderId !== undefined)) return [];
  return [
    problem(
      "no-quorum",
      "cluster",
      `${well.length} of ${voting.length} voting members have a leader, and ${quorum} are needed`,
      "start the members that are down; where they are lost, restore the cluster",
    ),
  ];
}

function alarmFindings(alarms: readonly Alarm[], members: readonly Member[]): readonly Finding[] {
  return alarms.map(({ memberId, alarm }) => {
    const subject = nameOf(memberId, members);
    if (alarm === "NOSPACE") {
      const fix = "compact and defragment the members one by one, or raise --quota-backend-bytes, then `etcdctl alarm disarm`";
      const message =
        "its database reached its quota, and the cluster takes no writes; snapshots still work, but they contain the alarm: a cluster that is restored from one takes no writes until `etcdctl alarm disarm`";
      return warning("nospace", subject, message, fix);
    }
    const fix = "compare `etcdctl endpoint hashkv --cluster`, then remove the member and add it anew";
    return problem("corrupt", subject, "etcd found that its data differs from the other members'", fix);
  });
}

function memberFindings({ endpoints, members }: ClusterFacts): readonly Finding[] {
  const statuses = statusesOf(endpoints);
  const found: Finding[] = [];
  const direct = statusesOf(endpoints.filter(({ behind }) => behind === undefined));
  for (const { endpoint, isLearner } of direct) {
    if (isLearner)
      found.push(
        warning(
          "learner",
          endpoint,
          "this member is a learner, and no snapshot is taken from it",
          "promote it, or give the endpoint of a voting member",
        ),
      );
  }
  if (members instanceof Error || statuses.length === 0) return found;
  for (const { endpoint, memberId } of direct) {
    if (!members.some(({ id }) => id === memberId)) {
      found.push(
        problem(
          "not-a-member",
          endpoint,
          `the cluster does not list its member ${memberId}`,
          "remove the endpoint, or see why its member was removed",
        ),
      );
    }
  }
  // An endpoint that does not answer may be any of the members: with its own finding it need not be told twice.
  const silent = new Set(endpoints.filter(({ status }) => status instanceof Error).map(({ endpoint }) => endpoint));
  const configured = new Set(endpoints.map(({ endpoint }) => endpoint));
  for (const member of members) {
    const { id, name, clientUrls, isLearner } = member;
    if (isLearner || statuses.some(({ memberId }) => memberId === id) || clientUrls.some((url) => silent.has(url))) continue;
    if (clientUrls.length === 0) {
      found.push(
        warning(
          "member-not-started",
          name === "" ? id : name,
          "this member was added and never started",
          "start it, or remove it: it counts for the quorum",
        ),
      );
    } else {
      const url = urlToAdd(member, configured);
      const fix =
        url === undefined
          ? "check whether it is up, and give an endpoint that leads to it alone: the one that it tells clients to use led to others"
          : `add ${url} to endpoints`;
      found.push(warning("member-without-endpoint", name === "" ? id : name, "no configured endpoint leads to this member", fix));
    }
  }
  return found;
}
