import type { Clock } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { chooseMembers } from "../etcd/choice.ts";
import type { Candidate } from "../etcd/choice.ts";
import type { EndpointStatus, EtcdSource, Member } from "../etcd/etcd-source.ts";
import { findings } from "../etcd/findings.ts";
import type { ClusterFacts, EndpointFacts, Finding } from "../etcd/findings.ts";

/** A member that a snapshot can be taken from. */
export interface SnapshotSource {
  readonly candidate: Candidate;
  readonly status: EndpointStatus;
  readonly name: string;
}

/** A cluster as its endpoints describe it at one moment. */
export interface Survey extends ClusterFacts {
  /** The best first; empty where the endpoints belong to different clusters. */
  readonly sources: readonly SnapshotSource[];
  readonly findings: readonly Finding[];
}

/** A survey that a backup can go on from. */
export interface UsableSurvey extends Survey {
  readonly clusterId: string;
  /** The highest revision that a source answers. */
  readonly revision: number;
}

/** Asks every endpoint, changes nothing, and throws only by the signal. */
export async function surveyCluster(etcd: EtcdSource, clock: Clock, signal?: AbortSignal): Promise<Survey> {
  const endpoints = await Promise.all(etcd.endpoints.map((endpoint) => askEndpoint(etcd, endpoint, signal)));
  const statuses = statusesOf(endpoints);
  const voting = statuses.filter(({ isLearner }) => !isLearner);
  const members = await firstAnswer(voting, "members", ({ endpoint }) => etcd.members(endpoint, signal));
  // Without a leader the question would only run into its deadline.
  const led = voting.filter(({ leaderId }) => leaderId !== undefined);
  const alarms = await firstAnswer(led, "alarms", ({ endpoint }) => etcd.alarms(endpoint, signal));
  const facts = { now: clock.now(), endpoints, members, alarms, clientCertificate: etcd.clientCertificate() };
  return { ...facts, sources: sourcesOf(facts), findings: findings(facts) };
}

export function statusesOf(endpoints: readonly EndpointFacts[]): readonly EndpointStatus[] {
  return endpoints.flatMap(({ status }) => (status instanceof Error ? [] : [status]));
}

/** Empty where nobody could list them. */
export function membersOf({ members }: Survey): readonly Member[] {
  return members instanceof Error ? [] : members;
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

async function firstAnswer<T extends object>(
  statuses: readonly EndpointStatus[],
  what: string,
  ask: (status: EndpointStatus) => Promise<T>,
): Promise<T | LifeboatError> {
  let last = new LifeboatError("etcd/no-member", `no member could be asked for the ${what}`);
  for (const status of statuses) {
    const answer = await orError(ask(status));
    if (!(answer instanceof LifeboatError)) return answer;
    last = answer;
  }
  return last;
}

function sourcesOf({ endpoints, members, alarms }: ClusterFacts): readonly SnapshotSource[] {
  const statuses = statusesOf(endpoints);
  if (new Set(statuses.map(({ clusterId }) => clusterId)).size !== 1) return [];
  const listed = members instanceof Error ? [] : members;
  const { candidates } = chooseMembers(statuses, listed, alarms instanceof Error ? [] : alarms);
  return candidates.flatMap((candidate) => {
    const facts = endpoints.find(({ endpoint }) => endpoint === candidate.endpoint);
    if (facts === undefined || facts.status instanceof Error || isDenial(facts.permission)) return [];
    return [{ candidate, status: facts.status, name: listed.find(({ id }) => id === candidate.memberId)?.name ?? "" }];
  });
}

function isDenial(permission: EndpointFacts["permission"]): permission is LifeboatError {
  return isLifeboatError(permission, "etcd/denied", "etcd/auth");
}

/** The survey, where a backup can go on from it. Throws where no member can give a snapshot, with what the endpoints said. */
export function requireSource(cluster: string, survey: Survey): UsableSurvey {
  const [best] = survey.sources;
  if (best === undefined) throw noSource(cluster, survey);
  return { ...survey, clusterId: best.status.clusterId, revision: Math.max(...survey.sources.map(({ status }) => status.revision)) };
}

function noSource(cluster: string, { endpoints, findings: found }: Survey): LifeboatError {
  const errors = endpoints.flatMap(({ status }) => (status instanceof LifeboatError ? [status] : []));
  const [first] = errors;
  if (first !== undefined && errors.length === endpoints.length) {
    if (errors.length === 1) return first;
    const message = `no endpoint of ${cluster} answers: ${errors.map((error) => error.message).join("; ")}`;
    return new LifeboatError(first.code, message, { hint: first.hint ?? "see whether etcd runs there", cause: first });
  }
  const denial = endpoints.map(({ permission }) => permission).find(isDenial);
  if (denial !== undefined) return denial;
  const mixed = found.find(({ code }) => code === "clusters-differ");
  if (mixed !== undefined) return new LifeboatError("etcd/cluster-mismatch", `${cluster}: ${mixed.message}`, { hint: mixed.fix });
  const problems = found.filter(({ severity }) => severity === "problem").map(({ subject, message }) => `${subject}: ${message}`);
  return new LifeboatError("etcd/no-member", `no member of ${cluster} can give a snapshot: ${problems.join("; ")}`, {
    hint: `lifeboat preflight ${cluster} tells more, with a fix for each`,
    cause: first,
  });
}
