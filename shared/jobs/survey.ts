import type { Clock } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { alarmsOf } from "../etcd/alarms.ts";
import { chooseMembers } from "../etcd/choice.ts";
import type { Alarm, EndpointStatus, EtcdSource, Member } from "../etcd/etcd-source.ts";
import { findings } from "../etcd/findings.ts";
import type { Finding } from "../etcd/finding.ts";
import type { ClusterFacts, EndpointFacts } from "../etcd/findings.ts";

/** A member that a snapshot can be taken from. */
export interface SnapshotSource {
  readonly status: EndpointStatus;
  /** Empty where nobody could list the members. */
  readonly name: string;
  /** Why it stands where it stands, for people. */
  readonly reason: string;
}

/** A cluster as its endpoints describe it at one moment. */
export interface Survey extends ClusterFacts {
  /** All that any status tells of; undefined where no endpoint gave its status. */
  readonly alarms: readonly Alarm[] | undefined;
  /** Members that a good snapshot can be taken from, the best first; empty where the endpoints belong to different clusters. */
  readonly sources: readonly SnapshotSource[];
  /** Voting members that answer, and that no good snapshot is taken from: corrupt, or without a leader. The one that got furthest first. */
  readonly doubtful: readonly SnapshotSource[];
  /** Why members that answer would not give a snapshot. */
  readonly denials: readonly LifeboatError[];
  readonly findings: readonly Finding[];
}

/** Asks every endpoint, changes nothing, and throws only by the signal. */
export async function surveyCluster(etcd: EtcdSource, clock: Clock, signal?: AbortSignal): Promise<Survey> {
  const endpoints = await Promise.all(etcd.endpoints.map((endpoint) => askEndpoint(etcd, endpoint, signal)));
  const statuses = statusesOf(endpoints);
  const voting = statuses.filter(({ isLearner }) => !isLearner);
  const members = await listMembers(etcd, voting, signal);
  const facts = { now: clock.now(), endpoints, members, clientCertificate: etcd.clientCertificate() };
  const alarms = statuses.length === 0 ? undefined : alarmsOf(statuses);
  return { ...facts, alarms, ...sortMembers(facts), findings: findings(facts) };
}

export function statusesOf(endpoints: readonly EndpointFacts[]): readonly EndpointStatus[] {
  return endpoints.flatMap(({ status }) => (status instanceof Error ? [] : [status]));
}

/** Empty where nobody could list them. */
export function membersOf({ members }: Survey): readonly Member[] {
  return members instanceof Error ? [] : members;
}

/** When the first of the certificates runs out that the endpoints showed, or the client has; undefined where there are none. */
export function certificatesEnd({ endpoints, clientCertificate }: ClusterFacts): Date | undefined {
  const shown = endpoints.flatMap(({ certificate }) => (certificate === undefined || certificate instanceof Error ? [] : [certificate]));
  const ends = [...shown, ...(clientCertificate === undefined ? [] : [clientCertificate])].map(({ notAfter }) => notAfter.getTime());
  return ends.length === 0 ? undefined : new Date(Math.min(...ends));
}

async function askEndpoint(etcd: EtcdSource, endpoint: string, signal: AbortSignal | undefined): Promise<EndpointFacts> {
  const [status, certificate] = await Promise.all([
    orError(etcd.status(endpoint, signal)),
    orError(etcd.serverCertificate(endpoint, signal)),
  ]);
  // A learner refuses the question itself.
  if (status instanceof Error || status.isLearner) return { endpoint, status, permission: undefined, certificate };
  const permission = await orError(etcd.checkPermission(endpoint, signal).then(() => true as const));
  return { endpoint, status, permission, certificate };
}

/** An answer, or etcd's error in its place. Interruptions are no answer and go on. */
async function orError<T>(answer: Promise<T>): Promise<T | LifeboatError> {
  try {
    return await answer;
  } catch (error) {
    if (isLifeboatError(error, "etcd/")) return error;
    throw error;
  }
}

/** As the first of `statuses` whose member answers has them. */
async function listMembers(
  etcd: EtcdSource,
  statuses: readonly EndpointStatus[],
  signal: AbortSignal | undefined,
): Promise<readonly Member[] | LifeboatError> {
  let last = new LifeboatError("etcd/no-member", "no member could be asked for the members");
  for (const { endpoint } of statuses) {
    const answer = await orError(etcd.members(endpoint, signal));
    if (!(answer instanceof LifeboatError)) return answer;
    last = answer;
  }
  return last;
}

function sortMembers({ endpoints, members }: ClusterFacts): Pick<Survey, "sources" | "doubtful" | "denials"> {
  const statuses = statusesOf(endpoints);
  const denials = endpoints.map(({ permission }) => permission).filter(isDenial);
  if (new Set(statuses.map(({ clusterId }) => clusterId)).size !== 1) return { sources: [], doubtful: [], denials };
  const listed = members instanceof Error ? [] : members;
  const { candidates, apart } = chooseMembers(statuses, listed);
  const sourceOf = (endpoint: string, reason: string): SnapshotSource[] => {
    const facts = endpoints.find((each) => each.endpoint === endpoint);
    if (facts === undefined || facts.status instanceof Error || isDenial(facts.permission)) return [];
    const { status } = facts;
    return [{ status, reason, name: listed.find(({ id }) => id === status.memberId)?.name ?? "" }];
  };
  const doubtful = apart
    .filter(({ why }) => why === "corrupt" || why === "no-leader")
    .flatMap((each) => sourceOf(each.endpoint, each.reason));
  return {
    sources: candidates.flatMap((each) => sourceOf(each.endpoint, each.reason)),
    doubtful: doubtful.toSorted((one, other) => other.status.raftAppliedIndex - one.status.raftAppliedIndex),
    denials,
  };
}

function isDenial(permission: EndpointFacts["permission"]): permission is LifeboatError {
  return isLifeboatError(permission, "etcd/denied", "etcd/auth");
}
