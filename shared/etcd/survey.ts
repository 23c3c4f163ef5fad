import type { Clock } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { alarmsOf } from "./alarms.ts";
import { chooseMembers } from "./choice.ts";
import type { Alarm, EndpointStatus, EtcdSource, Member } from "./etcd-source.ts";
import { isProxyList, statusesOf, UNKNOWN_MEMBER } from "./cluster-facts.ts";
import type { Behind, ClusterFacts, EndpointFacts, ProofWanted } from "./cluster-facts.ts";
import { findings } from "./findings.ts";
import type { Finding } from "./finding.ts";
import { listen, spreadsCalls } from "./listen.ts";

/** A member that a snapshot can be taken from. */
export interface SnapshotSource {
  /** Its `memberId` is UNKNOWN_MEMBER where several members answer at the endpoint. */
  readonly status: EndpointStatus;
  /** Empty where nobody could list the members, or it is not known which one it is. */
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
export async function surveyCluster(etcd: EtcdSource, clock: Clock, wanted: ProofWanted, signal?: AbortSignal): Promise<Survey> {
  const asked = await askAll(etcd, signal);
  const members = listedBy(asked);
  const endpoints = await lookBehind({ etcd, clock }, asked, members, signal);
  const facts = { now: clock.now(), endpoints, members, clientCertificate: etcd.clientCertificate(), wanted };
  const statuses = statusesOf(endpoints);
  const alarms = statuses.length === 0 ? undefined : alarmsOf(statuses);
  return { ...facts, alarms, ...sortMembers(facts), findings: findings(facts) };
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

interface Asked extends EndpointFacts {
  /** What it says when it is asked for the members; undefined where it was not asked. */
  readonly listed: readonly Member[] | LifeboatError | undefined;
}

/** A balancer that does not look whether its members live may lead to a dead one first, and then to the next. */
const ROUNDS = 3;

/** Where no endpoint can be reached they are asked once more, on new connections; whoever stays silent keeps its first error, which says most. */
async function askAll(etcd: EtcdSource, signal: AbortSignal | undefined): Promise<readonly Asked[]> {
  let asked = await Promise.all(etcd.endpoints.map((endpoint) => askEndpoint(etcd, endpoint, signal)));
  for (let round = 2; round <= ROUNDS && asked.every(({ status }) => isLifeboatError(status, "etcd/unreachable")); round += 1) {
    asked = await Promise.all(
      asked.map(async (before) => {
        etcd.renew(before.endpoint);
        const again = await askEndpoint(etcd, before.endpoint, signal);
        return again.status instanceof Error ? before : again;
      }),
    );
  }
  return asked;
}

async function askEndpoint(etcd: EtcdSource, endpoint: string, signal: AbortSignal | undefined): Promise<Asked> {
  const [status, certificate] = await Promise.all([
    orError(etcd.status(endpoint, signal)),
    orError(etcd.serverCertificate(endpoint, signal)),
  ]);
  // A learner refuses the questions themselves.
  if (status instanceof Error || status.isLearner) return { endpoint, status, permission: undefined, certificate, listed: undefined };
  const [permission, listed] = await Promise.all([
    orError(etcd.checkPermission(endpoint, signal).then(() => true as const)),
    orError(etcd.members(endpoint, signal)),
  ]);
  return { endpoint, status, permission, certificate, listed };
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

/** As the first endpoint has them that speaks for the members and not for itself. */
function listedBy(asked: readonly Asked[]): readonly Member[] | LifeboatError {
  let last = new LifeboatError("etcd/no-member", "no member could be asked for the members");
  for (const { listed } of asked) {
    if (listed === undefined) continue;
    if (listed instanceof LifeboatError) last = listed;
    else if (isProxyList(listed)) last = new LifeboatError("etcd/no-member", "an etcd grpc-proxy lists itself in place of the members");
    else return listed;
  }
  return last;
}

/**
 * Each endpoint with the members behind it. A grpc-proxy shows itself by what it lists. A load balancer does not: it is looked for where a member is nowhere to be
 * found, and no endpoint is silent that might be the member's.
 */
async function lookBehind(
  ports: { readonly etcd: EtcdSource; readonly clock: Clock },
  asked: readonly Asked[],
  members: readonly Member[] | LifeboatError,
  signal: AbortSignal | undefined,
): Promise<readonly EndpointFacts[]> {
  // Who was never started has told nobody where to find it, and is behind nothing.
  const listed = members instanceof Error ? [] : members.filter(({ isLearner, clientUrls }) => !isLearner && clientUrls.length > 0);
  const silent = asked.filter(({ status }) => status instanceof Error).length;
  const found = new Set(statusesOf(asked).map(({ memberId }) => memberId));
  const missing = (heard: readonly EndpointStatus[]): number =>
    listed.filter(({ id }) => !found.has(id) && heard.every(({ memberId }) => memberId !== id)).length;
  const looked: EndpointFacts[] = [];
  for (const { listed: said, ...facts } of asked) {
    const { status } = facts;
    const isProxy = said !== undefined && !(said instanceof Error) && isProxyList(said);
    const behind = async (first: EndpointStatus): Promise<Behind | undefined> => {
      // Never enough: more members than the configuration's number of voters would be worth knowing.
      if (isProxy) return { kind: "grpc-proxy", isPerCall: true, statuses: await listen(ports, first, () => false, signal) };
      if (missing([]) <= silent) return undefined;
      const statuses = await listen(ports, first, (heard) => missing(heard) === 0, signal);
      if (statuses.length === 1) return undefined;
      return { kind: "balancer", isPerCall: await spreadsCalls(ports, first.endpoint, signal), statuses };
    };
    const there = status instanceof Error ? undefined : await behind(status);
    for (const { memberId } of there?.statuses ?? []) found.add(memberId);
    looked.push({ ...facts, behind: there });
  }
  return looked;
}

function sortMembers({ endpoints, members }: ClusterFacts): Pick<Survey, "sources" | "doubtful" | "denials"> {
  const statuses = statusesOf(endpoints);
  const denials = endpoints.map(({ permission }) => permission).filter(isDenial);
  if (new Set(statuses.map(({ clusterId }) => clusterId)).size !== 1) return { sources: [], doubtful: [], denials };
  const listed = members instanceof Error ? [] : members;
  const own = endpoints.filter(({ behind }) => behind === undefined);
  const { candidates, apart } = chooseMembers(statusesOf(own), listed);
  const sourceOf = (endpoint: string, reason: string): SnapshotSource[] => {
    const facts = endpoints.find((each) => each.endpoint === endpoint);
    if (facts === undefined || facts.status instanceof Error || isDenial(facts.permission)) return [];
    const { status } = facts;
    return [{ status, reason, name: listed.find(({ id }) => id === status.memberId)?.name ?? "" }];
  };
  const doubtful = apart
    .filter(({ why }) => why === "corrupt" || why === "no-leader")
    .flatMap((each) => sourceOf(each.endpoint, each.reason));
  const shared = endpoints.flatMap((each) => (isDenial(each.permission) ? [] : sourcesBehind(each)));
  const hasLeader = ({ status }: SnapshotSource): boolean => status.leaderId !== undefined;
  return {
    // A member that can be chosen comes before whoever answers.
    sources: [...candidates.flatMap((each) => sourceOf(each.endpoint, each.reason)), ...shared.filter(hasLeader)],
    doubtful: [...doubtful, ...shared.filter((each) => !hasLeader(each))].toSorted(
      (one, other) => other.status.raftAppliedIndex - one.status.raftAppliedIndex,
    ),
    denials,
  };
}

/** However many members there are, a third one that fails is no chance any more. */
const TRIES_BEHIND = 3;

/**
 * A source for each member that was heard behind an endpoint, since another one may answer each time: which one is not known. It stands there with what the member that got
 * furthest says.
 */
function sourcesBehind({ endpoint, behind }: EndpointFacts): readonly SnapshotSource[] {
  if (behind === undefined) return [];
  const voting = behind.statuses.filter(({ isLearner }) => !isLearner);
  const led = voting.filter(({ leaderId }) => leaderId !== undefined);
  const [furthest] = (led.length > 0 ? led : voting).toSorted((one, other) => other.revision - one.revision);
  if (furthest === undefined) return [];
  const what = behind.kind === "grpc-proxy" ? "the grpc-proxy" : "the load balancer";
  const reason = `whichever member ${what} picks: it cannot be chosen`;
  // Not only as many as were heard: a balancer may lead to a dead one again and again, as the connections that ask why it failed take their turns too.
  return Array.from({ length: TRIES_BEHIND }, () => ({ status: { ...furthest, endpoint, memberId: UNKNOWN_MEMBER }, reason, name: "" }));
}

function isDenial(permission: EndpointFacts["permission"]): permission is LifeboatError {
  return isLifeboatError(permission, "etcd/denied", "etcd/auth");
}
