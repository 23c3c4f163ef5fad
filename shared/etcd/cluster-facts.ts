import type { LifeboatError } from "../errors.ts";
import type { Agreement } from "../documents/proof.ts";
import type { Certificate, EndpointStatus, Member } from "./etcd-source.ts";

/**
 * Stands in place of a member's id where it is not known which of several gave a snapshot. No member has it: raft keeps it for "nobody", and a grpc-proxy
 * lists itself under it.
 */
export const UNKNOWN_MEMBER = "0";

/** What was learned from one endpoint. A LifeboatError stands for an answer that could not be had, undefined for a question that was not asked. */
export interface EndpointFacts {
  readonly endpoint: string;
  /** Of the member that answered first. */
  readonly status: EndpointStatus | LifeboatError;
  /** True where a snapshot would be granted. */
  readonly permission: true | LifeboatError | undefined;
  readonly certificate: Certificate | LifeboatError | undefined;
  /** Undefined where the endpoint leads to one member, as far as is known. */
  readonly behind?: Behind | undefined;
}

/**
 * Several members behind one endpoint. A `grpc-proxy` of etcd's asks another member at each call, and lists itself in place of the members. A `balancer` leads to another one
 * with each connection, or each call, and lets the members speak for themselves.
 */
export interface Behind {
  readonly kind: "grpc-proxy" | "balancer";
  /** Whether calls of one connection go to different members. */
  readonly isPerCall: boolean;
  /** One of each member that was heard. */
  readonly statuses: readonly EndpointStatus[];
}

/** What the configuration says of the proof of a cluster's snapshots. */
export interface ProofWanted {
  readonly agreement: Agreement;
  /** Voting members, where nobody can list them. */
  readonly voters?: number | undefined;
}

/** All that preflight has learned, through the port EtcdSource. */
export interface ClusterFacts {
  readonly now: Date;
  readonly endpoints: readonly EndpointFacts[];
  /** As the first endpoint that could say lists them. */
  readonly members: readonly Member[] | LifeboatError;
  readonly clientCertificate: Certificate | undefined;
  readonly wanted: ProofWanted;
}

/** Of every member that answered, behind a proxy too; a member may be there more than once. */
export function statusesOf(endpoints: readonly EndpointFacts[]): readonly EndpointStatus[] {
  return endpoints.flatMap(statusesAt);
}

export function statusesAt({ status, behind }: EndpointFacts): readonly EndpointStatus[] {
  if (status instanceof Error) return [];
  return behind?.statuses ?? [status];
}

/** A grpc-proxy lists itself, and the others like it, all under an id that no member has. */
export function isProxyList(members: readonly Member[]): boolean {
  return members.length > 0 && members.every(({ id }) => id === UNKNOWN_MEMBER);
}

/** Voting members as they are listed, else as the configuration has it; undefined where neither says. At least as many as were heard where nobody lists them. */
export function votersOf({ members, wanted, endpoints }: Pick<ClusterFacts, "members" | "wanted" | "endpoints">): number | undefined {
  const listed = members instanceof Error ? [] : members.filter(({ isLearner }) => !isLearner);
  if (listed.length > 0) return listed.length;
  return wanted.voters === undefined ? undefined : Math.max(wanted.voters, heardVoters(endpoints));
}

/** How many different members answered that are no learners. */
export function heardVoters(endpoints: readonly EndpointFacts[]): number {
  const voting = statusesOf(endpoints).filter(({ isLearner }) => !isLearner);
  return new Set(voting.map(({ memberId }) => memberId)).size;
}

/** What the cluster calls a member; its id where it has no name, or nobody lists it. */
export function nameOf(memberId: string, members: readonly Member[]): string {
  const name = members.find(({ id }) => id === memberId)?.name ?? "";
  return name === "" ? memberId : name;
}
