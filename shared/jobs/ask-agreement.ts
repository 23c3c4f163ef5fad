import { pause } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { judge, votesNeeded } from "../etcd/agreement.ts";
import type { Electorate, Verdict } from "../etcd/agreement.ts";
import type { EtcdSource, HashKv } from "../etcd/etcd-source.ts";
import type { Agreement, Vote } from "../manifest/schema.ts";
import type { Progress } from "../progress.ts";
import type { WholeScan } from "../snapshot/scan-result.ts";
import { throwIfAborted } from "../store/body-reader.ts";
import { membersOf } from "./survey.ts";
import type { SnapshotSource, Survey } from "./survey.ts";

/** How much of a cluster must confirm a snapshot. */
export interface AgreementPolicy {
  readonly agreement: Agreement;
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
  readonly source: SnapshotSource;
  readonly signal?: AbortSignal | undefined;
}

export interface Consulted {
  readonly verdict: Verdict;
  readonly votes: readonly Vote[];
  /** The revision up to which bucket `key` was compared. */
  readonly revision: number;
}

/** Answers had before the stream, at the revision of then. */
export interface EarlierAnswers {
  readonly revision: number;
  readonly answers: readonly { readonly member: SnapshotSource; readonly answer: HashKv | LifeboatError }[];
}

/** A follower may lag behind what it shall be asked for, by its revision or its compaction. */
const LAG_MS = 10_000;
const AGAIN_MS = 200;

export function electorateOf({ policy, survey, source }: Consultation): Electorate {
  const voting = membersOf(survey).filter(({ isLearner }) => !isLearner);
  return {
    agreement: policy.agreement,
    voters: voting.length === 0 ? undefined : voting.length,
    sourceId: source.status.memberId,
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
  for (const member of inOrder(consultation)) {
    const verdict = judge(votes, electorate);
    if (verdict.kind !== "unproven" && verdict.kind !== "disagreement") return { verdict, votes, revision };
    votes.push(voteOf(member, revision, await answerOf(ports, consultation, member, revision, scan.compactRevision), scan));
  }
  const last = { verdict: judge(votes, electorate), votes: [...votes, ...unreachable(consultation)], revision };
  if (last.verdict.kind !== "unproven") return last;
  if (earlier !== undefined) {
    const then = earlier.answers.map(({ member, answer }) => voteOf(member, earlier.revision, answer, scan));
    const verdict = judge(then, electorate);
    if (verdict.kind !== "unproven") return { verdict, votes: then, revision: earlier.revision };
  }
  return { ...last, verdict: judge(last.votes, electorate) };
}

/** The same question before the stream, at the source's present revision: to be kept for a transfer so long that its own revision may be compacted at its end. */
export async function askEarly(ports: AgreementPorts, consultation: Consultation): Promise<EarlierAnswers> {
  const { revision } = consultation.source.status;
  const needed = votesNeeded(electorateOf(consultation)) ?? Number.POSITIVE_INFINITY;
  const answers: { member: SnapshotSource; answer: HashKv | LifeboatError }[] = [];
  for (const member of inOrder(consultation)) {
    if (answers.filter(({ answer }) => !(answer instanceof Error)).length >= needed) break;
    answers.push({ member, answer: await answerOf(ports, consultation, member, revision, -1) });
  }
  return { revision, answers };
}

/** The source first, since nobody else need be asked where it does not stand by what it sent; the leader last, since it serves the writes. */
function inOrder({ survey, source }: Consultation): readonly SnapshotSource[] {
  const rank = (member: SnapshotSource): number => {
    if (member.status.leaderId === member.status.memberId) return 2;
    return member === source ? 0 : 1;
  };
  return survey.sources.toSorted((one, other) => rank(one) - rank(other));
}

/** Voting members that no question can be put to. */
function unreachable({ survey }: Consultation): readonly Vote[] {
  return membersOf(survey)
    .filter(({ id, isLearner }) => !isLearner && survey.sources.every(({ status }) => status.memberId !== id))
    .map(({ id, name }) => ({
      id,
      name,
      answer: "unavailable",
      reason: "no configured endpoint leads to it, or it does not answer there",
    }));
}

/**
 * HashKV at `revision`, or why there is none. Where the snapshot was compacted to its last revision the latest is asked for: at the revision of a compaction itself etcd 3.4 answers
 * nothing, and later ones the hash that they made during it, of entries that are gone.
 */
async function answerOf(
  { etcd, clock }: AgreementPorts,
  { policy, cluster, signal }: Consultation,
  { status }: SnapshotSource,
  revision: number,
  compactedTo: number,
): Promise<HashKv | LifeboatError> {
  const deadline = clock.monotonicMs() + LAG_MS;
  for (;;) {
    let lag: LifeboatError;
    try {
      // A member that stalls would be waited for as long as one that hashes: whether it answers at all is known sooner.
      await etcd.status(status.endpoint, signal);
      const limit = { timeoutMs: policy.hashKvMs };
      const latest = revision === compactedTo ? await etcd.hashKv(status.endpoint, "latest", limit, signal) : undefined;
      const answer = latest?.revision === revision ? latest : await etcd.hashKv(status.endpoint, revision, limit, signal);
      if (answer.memberId !== status.memberId)
        return new LifeboatError("etcd/refused", `its endpoint ${status.endpoint} now leads to member ${answer.memberId}`);
      if (answer.compactRevision >= compactedTo) return answer;
      lag = new LifeboatError("etcd/refused", `it has not compacted to revision ${compactedTo} yet`);
    } catch (error) {
      if (!isLifeboatError(error, "etcd/")) throw error;
      if (error.code !== "etcd/future-revision") return error;
      lag = error;
    }
    if (clock.monotonicMs() >= deadline) return lag;
    await pause(clock, AGAIN_MS, signal);
    throwIfAborted(`the backup of ${cluster}`, signal);
  }
}

function voteOf(member: SnapshotSource, revision: number, answer: HashKv | LifeboatError, scan: WholeScan): Vote {
  const voter = { id: member.status.memberId, name: member.name };
  if (answer instanceof Error) return { ...voter, answer: "unavailable", reason: answer.message };
  const ours = scan.hashKv(revision, answer.compactRevision);
  if ("unavailable" in ours) return { ...voter, answer: "unavailable", reason: ours.unavailable };
  const { compactRevision, hash } = answer;
  return { ...voter, answer: ours.hash === hash ? "agrees" : "dissents", revision, compactRevision, hash };
}
