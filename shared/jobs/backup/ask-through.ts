import { pause } from "../../clock.ts";
import type { Clock } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Behind } from "../../etcd/cluster-facts.ts";
import { UNKNOWN_MEMBER } from "../../etcd/cluster-facts.ts";
import type { EtcdSource, HashKv } from "../../etcd/etcd-source.ts";
import { throwIfAborted } from "../../store/body-reader.ts";
import { CallOrder } from "../../etcd/call-order.ts";
import { PATIENCE } from "../../etcd/listen.ts";

/** An endpoint behind which several members answer. */
export interface SharedEndpoint extends Behind {
  readonly endpoint: string;
}

/** What is asked of each member. */
export interface HashQuestion {
  readonly revision: number;
  /** An answer of a lesser compaction cannot be compared. */
  readonly compactedTo: number;
  readonly hashKvMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Of a member by its id, or of UNKNOWN_MEMBER where the error does not say whose it is. */
export interface MemberAnswer {
  readonly memberId: string;
  readonly answer: HashKv | LifeboatError;
}

/**
 * Behind a proxy that other clients use as well nobody can foresee who answers, and a member may be asked twice, in vain: each time it takes no writes while it hashes. Nine
 * answers without a second one of three members come once in 7,000 times.
 */
const WASTED = 8;

/** For a member that lags behind what it is asked for. */
const AGAIN_MS = 200;

/**
 * Asks the members behind `shared` for HashKV, and gives each one's first answer. Only the header of an answer says whose it is; `asked` has the ids that need not be asked (again) and grows by those that
 * answered. A status goes before each question, since it costs a member nothing: on a connection of one member it says who will hash, and behind a
 * proxy that takes members in turn it shows the turns. `spareLeader` leaves the leader alone, and ends when all others that are known were asked.
 */
export async function* askThrough(
  { etcd, clock }: { readonly etcd: EtcdSource; readonly clock: Clock },
  shared: SharedEndpoint,
  question: HashQuestion,
  asked: Set<string>,
  spareLeader: boolean,
): AsyncGenerator<MemberAnswer, void, undefined> {
  const { endpoint, isPerCall, statuses } = shared;
  const { signal } = question;
  const order = new CallOrder(isPerCall);
  const others = statuses.filter((each) => each.memberId !== each.leaderId).map(({ memberId }) => memberId);
  let [fruitless, wasted, sinceMs] = [0, 0, clock.monotonicMs()];
  let last: LifeboatError | undefined;
  while (fruitless < PATIENCE.tries && wasted < WASTED && clock.monotonicMs() - sinceMs < PATIENCE.ms) {
    if (spareLeader && others.every((id) => asked.has(id))) return;
    throwIfAborted(`asking for HashKV at ${endpoint}`, signal);
    fruitless += 1;
    etcd.renew(endpoint);
    let next: string | undefined;
    try {
      const status = await etcd.status(endpoint, signal);
      order.saw(status.memberId);
      next = order.after(status.memberId);
      // Unknown turns show with a status or two more.
      if (next === undefined || asked.has(next) || (spareLeader && next === status.leaderId)) continue;
      const answer = await hashOf(etcd, endpoint, question, (memberId) => order.saw(memberId));
      if (answer instanceof LifeboatError) {
        wasted += 1;
        last = answer;
        await pause(clock, AGAIN_MS, signal);
        continue;
      }
      order.answered(status.memberId, answer.memberId);
      last = undefined;
      if (asked.has(answer.memberId)) {
        wasted += 1;
        sinceMs = clock.monotonicMs();
      } else {
        asked.add(answer.memberId);
        yield { memberId: answer.memberId, answer };
        fruitless = 0;
        sinceMs = clock.monotonicMs();
      }
    } catch (error) {
      if (!isLifeboatError(error, "etcd/")) throw error;
      last = error;
      if (error.code === "etcd/future-revision") await pause(clock, AGAIN_MS, signal);
      else if (next !== undefined && !order.isPerCall) {
        asked.add(next);
        yield { memberId: next, answer: error };
        last = undefined;
      } else if (isLifeboatError(error, "etcd/denied", "etcd/auth")) break;
    }
  }
  if (last !== undefined) yield { memberId: UNKNOWN_MEMBER, answer: last };
}

/**
 * HashKV at the question's revision, or why what the member has cannot be compared. Where the snapshot was compacted to its last revision the latest is asked for: at the revision of a compaction
 * itself etcd 3.4 answers nothing, and later ones the hash that they made during it, of entries that are gone. `other` is told whose answer is of no use.
 */
export async function hashOf(
  etcd: EtcdSource,
  endpoint: string,
  { revision, compactedTo, hashKvMs, signal }: HashQuestion,
  other: (memberId: string) => void = () => undefined,
): Promise<HashKv | LifeboatError> {
  const limit = { timeoutMs: hashKvMs };
  const latest = revision === compactedTo ? await etcd.hashKv(endpoint, "latest", limit, signal) : undefined;
  if (latest !== undefined && latest.revision !== revision) other(latest.memberId);
  const answer = latest?.revision === revision ? latest : await etcd.hashKv(endpoint, revision, limit, signal);
  if (answer.compactRevision >= compactedTo) return answer;
  other(answer.memberId);
  // It compacted that far, wrote on, and remembers the hash of before: waiting brings no other.
  return latest !== undefined && latest.revision > revision && latest.compactRevision >= compactedTo
    ? new LifeboatError("etcd/compacted", `it compacted revision ${revision} and has gone on since`)
    : new LifeboatError("etcd/future-revision", `it has not compacted to revision ${compactedTo} yet`);
}
