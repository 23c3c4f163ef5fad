import type { EndpointStatus, Member } from "../../../shared/etcd/etcd-source.ts";
import type { ClusterFacts, EndpointFacts } from "../../../shared/etcd/cluster-facts.ts";

/** Member `number` of a healthy cluster of three whose leader is member 1. */
export function healthyStatus(number: 1 | 2 | 3, changes: Partial<EndpointStatus> = {}): EndpointStatus {
  return {
    endpoint: `https://m${number}:2379`,
    memberId: `a${number}`,
    clusterId: "c1",
    version: "3.6.16",
    databaseBytes: 1000,
    revision: 50,
    raftIndex: 100,
    raftAppliedIndex: 100,
    raftTerm: 2,
    leaderId: "a1",
    isLearner: false,
    alarms: [],
    errors: [],
    latencyMs: 2,
    ...changes,
  };
}

export function member(number: 1 | 2 | 3, changes: Partial<Member> = {}): Member {
  return {
    id: `a${number}`,
    name: `m${number}`,
    peerUrls: [`https://m${number}:2380`],
    clientUrls: [`https://m${number}:2379`],
    isLearner: false,
    ...changes,
  };
}

export const NOW = new Date("2026-11-21T10:00:00Z");

export function facts(changes: Partial<ClusterFacts> = {}): ClusterFacts {
  return {
    now: NOW,
    endpoints: [endpointFacts(1), endpointFacts(2), endpointFacts(3)],
    members: [member(1), member(2), member(3)],
    clientCertificate: undefined,
    wanted: { agreement: "quorum" },
    ...changes,
  };
}

export function endpointFacts(number: 1 | 2 | 3, changes: Partial<EndpointFacts> = {}): EndpointFacts {
  const status = healthyStatus(number);
  const certificate = { subject: "CN=etcd", notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2027-11-21T10:00:00Z") };
  return { endpoint: status.endpoint, status, permission: true, certificate, ...changes };
}
