import { pause } from "../../clock.ts";
import type { Clock } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { judge, votesNeeded } from "../../etcd/agreement.ts";
import type { Electorate, Verdict } from "../../etcd/agreement.ts";
import { UNKNOWN_MEMBER, votersOf } from "../../etcd/cluster-facts.ts";
import type { ProofWanted } from "../../etcd/cluster-facts.ts";
import type { EtcdSource, HashKv, Member } from "../../etcd/etcd-source.ts";
import type { Vote } from "../../documents/proof.ts";
import type { Progress } from "../../progress.ts";
import type { WholeScan } from "../../snapshot/scan-result.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { askThrough, hashOf } from "./ask-through.ts";
import type { HashQuestion } from "./ask-through.ts";
import { membersOf } from "../../etcd/survey.ts";
import type { SnapshotSource, Survey } from "../../etcd/survey.ts";

/** How much of a cluster must confirm a snapshot. */
export interface AgreementPolicy extends ProofWanted {
  /** For one answer: a member reads its whole database for it. */
  readonly hashKvMs: number;
}

export interface AgreementPorts {
  readonly etcd: EtcdSource;
  readonly clock: Clock;
  readonly progress: Progress;
}

export interface Consultation {
  readonly cluster: string;
  readonly policy: AgreementPolicy;
  readonly survey: Survey;
  /** The member that gave the snapshot; undefined for a verifier, which has only the writer's word for that. */
  readonly source?: SnapshotSource | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Consulted {
  readonly verdict: Verdict;
  readonly votes: readonly Vote[];
  /** The revision up to which bucket `key` was compared. */
  readonly revision: number;
}

/** What a member says, or why it says nothing: `etcd/future-revision` where it has not come so far, `etcd/compacted` where it went past it. */
export interface VoterAnswer {
  readonly id: string;
  /** Empty where the member has none, or nobody lists it. */
  readonly name: string;
  readonly answer: HashKv | LifeboatError;
}

/** Answers had before the stream, at the revision of then. */
export interface EarlierAnswers {
  readonly revision: number;
  readonly answers: readonly VoterAnswer[];
}

/** A follower may lag behind what it shall be asked for, by its revision or its compaction. */
export const LAG_MS = 10_000;
const AGAIN_MS = 200;

export function electorateOf({ policy, survey, source }: Consultation): Electorate {
  const isProxied = survey.endpoints.some(({ behind }) => behind?.kind === "grpc-proxy");
  return {
    agreement: policy.agreement,
    voters: votersOf(survey),
    votersUnknown: isProxied ? "the number of voters is not known behind a grpc-proxy; give `voters` in the configuration" : undefined,
    sourceId: source?.status.memberId ?? UNKNOWN_MEMBER,
  };
}

/**
 * Asks one voting member after the other for HashKV at the snapshot's last revision, until enough confirm it: a question stalls the member's writes. Where a
 * compaction went past that revision meanwhile, `earlier` answers serve. Rejects only by the signal.
 */
export async function askForAgreement(
  ports: AgreementPorts,
  consultation: Consultation,
  scan: WholeScan,
  earlier?: EarlierAnswers,
): Promise<Consulted> {
  const electorate = electorateOf(consultation);
  const revision = scan.lastRevision;
  const votes: Vote[] = [];
  for await (const answer of askMembers(ports, consultation, { revision, compactedTo: scan.compactRevision })) {
    votes.push(voteOf(answer, revision, scan));
    const verdict = judge(votes, electorate);
    if (verdict.kind !== "unproven" && verdict.kind !== "disagreement") return { verdict, votes, revision };
  }
  const last = { verdict: judge(votes, electorate), votes: [...votes, ...unreachable(consultation, votes)], revision };
  if (last.verdict.kind !== "unproven") return last;
  if (earlier !== undefined) {
    const then = earlier.answers.map((answer) => voteOf(answer, earlier.revision, scan));
    const verdict = judge(then, electorate);
    if (verdict.kind !== "unproven") return { verdict, votes: then, revision: earlier.revision };
  }
  return { ...last, verdict: judge(last.votes, electorate) };
}

/** The same question before the stream, at the source's present revision: to be kept for a transfer so long that its own revision may be compacted at its end. */
export async function askEarly(
  ports: AgreementPorts,
  consultation: Consultation & { readonly source: SnapshotSource },
): Promise<EarlierAnswers> {
  const { revision } = consultation.source.status;
  const needed = votesNeeded(electorateOf(consultation)) ?? Number.POSITIVE_INFINITY;
  const answers: VoterAnswer[] = [];
  for await (const each of askMembers(ports, consultation, { revision, compactedTo: -1 })) {
    answers.push(each);
    if (answers.filter(({ answer }) => !(answer instanceof Error)).length >= needed) break;
  }
  return { revision, answers };
}

/**
 * What voting members answer, asked one after the other as the answers are taken: the followers that have an endpoint of their own, those behind shared endpoints, and at last
 * the leader, wherever it is.
 */
export async function* askMembers(
  ports: AgreementPorts,
  consultation: Consultation,
  { revision, compactedTo }: Pick<HashQuestion, "revision" | "compactedTo">,
): AsyncGenerator<VoterAnswer, void, undefined> {
  const { policy, survey, signal } = consultation;
  const members = membersOf(survey);
  const shared = survey.endpoints.flatMap(({ endpoint, permission, behind }) =>
    behind === undefined || isLifeboatError(permission, "etcd/denied", "etcd/auth") ? [] : [{ endpoint, ...behind }],
  );
  const question = { revision, compactedTo, hashKvMs: policy.hashKvMs, signal };
  const asked = new Set<string>();
  const sources = inOrder(consultation);
  for (const isLast of [false, true]) {
    for (const member of sources.filter((each) => isLeader(each) === isLast && !asked.has(each.status.memberId))) {
      asked.add(member.status.memberId);
      yield {
        id: member.status.memberId,
        name: member.name,
        answer: await answerOf(ports, question, member),
      };
    }
    for (const each of shared) {
      for await (const { memberId: id, answer } of askThrough(ports, each, question, asked, !isLast)) {
        const name = members.find((member) => member.id === id)?.name ?? "";
        if (id === UNKNOWN_MEMBER) yield { id, name: `whoever answers at ${each.endpoint}`, answer };
        else yield { id, name, answer: isVoter(id, members) ? answer : NOT_LISTED };
      }
    }
  }
}

const NOT_LISTED = new LifeboatError("etcd/refused", "the cluster does not list it as a voting member");

function isVoter(id: string, members: readonly Member[]): boolean {
  return members.length === 0 || members.some((member) => member.id === id && !member.isLearner);
}

function isLeader({ status }: SnapshotSource): boolean {
  return status.leaderId === status.memberId;
}

/**
 * The members that have an endpoint of their own: the source first, since nobody else need be asked where it does not stand by what it sent; the leader last, since it
 * serves the writes.
 */
function inOrder({ survey, source }: Consultation): readonly SnapshotSource[] {
  const rank = (member: SnapshotSource): number => {
    if (isLeader(member)) return 2;
    return member === source ? 0 : 1;
  };
  const own = survey.sources.filter(({ status }) => status.memberId !== UNKNOWN_MEMBER);
  return own.toSorted((one, other) => rank(one) - rank(other));
}

/** Voting members that no question could be put to. */
export function unreachable({ survey }: Pick<Consultation, "survey">, votes: readonly Vote[]): readonly Vote[] {
  return membersOf(survey)
    .filter(({ id, isLearner }) => !isLearner && votes.every((vote) => vote.id !== id))
    .map(({ id, name }) => ({
      id,
      name,
      answer: "unavailable",
      reason: "no configured endpoint leads to it, or it does not answer there",
    }));
}

/** The member's answer, or why there is none. */
async function answerOf(
  { etcd, clock }: AgreementPorts,
  question: HashQuestion,
  { status }: SnapshotSource,
): Promise<HashKv | LifeboatError> {
  const { endpoint, memberId } = status;
  const { signal } = question;
  const deadline = clock.monotonicMs() + LAG_MS;
  for (;;) {
    let lag: LifeboatError;
    try {
      // A member that stalls would be waited for as long as one that hashes: whether it answers at all is known sooner.
      await etcd.status(endpoint, signal);
      const answer = await hashOf(etcd, endpoint, question);
      if (answer instanceof LifeboatError) {
        if (answer.code !== "etcd/future-revision") return answer;
        lag = answer;
      } else if (answer.memberId !== memberId)
        return new LifeboatError("etcd/refused", `its endpoint ${endpoint} now leads to member ${answer.memberId}`);
      else return answer;
    } catch (error) {
      if (!isLifeboatError(error, "etcd/")) throw error;
      if (error.code !== "etcd/future-revision") return error;
      lag = error;
    }
    if (clock.monotonicMs() >= deadline) return lag;
    await pause(clock, AGAIN_MS, signal);
    throwIfAborted(`asking for HashKV at ${endpoint}`, signal);
  }
}

export function voteOf({ answer, ...voter }: VoterAnswer, revision: number, scan: WholeScan): Vote {
  if (answer instanceof Error) return { ...voter, answer: "unavailable", reason: answer.message };
  const ours = scan.hashKv(revision, answer.compactRevision);
  if ("unavailable" in ours) return { ...voter, answer: "unavailable", reason: ours.unavailable };
  const { compactRevision, hash } = answer;
  return { ...voter, answer: ours.hash === hash ? "agrees" : "dissents", revision, compactRevision, hash };
}
