import type { Clock } from "../../clock.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { votesNeeded } from "../../etcd/agreement.ts";
import type { Electorate } from "../../etcd/agreement.ts";
import { statusesOf, UNKNOWN_MEMBER } from "../../etcd/cluster-facts.ts";
import { judgeConfirmation } from "../../etcd/confirmation.ts";
import type { Confirming, ConfirmingVote } from "../../etcd/confirmation.ts";
import type { EtcdSource } from "../../etcd/etcd-source.ts";
import { labelOf } from "../../documents/attention.ts";
import { isWhole } from "../../documents/content.ts";
import type { Confirmation, Confirmed } from "../../documents/confirmation.ts";
import type { Manifest } from "../../documents/manifest.ts";
import type { Progress } from "../../progress.ts";
import type { ScanResult, WholeScan } from "../../snapshot/scan-result.ts";
import type { Vault } from "../../vault/vault.ts";
import { askMembers, electorateOf, LAG_MS, unreachable, voteOf } from "../backup/ask-agreement.ts";
import type { AgreementPolicy, Consultation, VoterAnswer } from "../backup/ask-agreement.ts";

/** The cluster's members as a verifier reaches them, by the configuration and credentials of its own; or why nobody is to be asked. */
export type MembersToAsk = { readonly etcd: EtcdSource; readonly policy: AgreementPolicy } | { readonly notAsked: string };

export interface ConfirmPorts extends Vault {
  readonly clock: Clock;
  readonly progress: Progress;
  /** Connects anew each time; whoever asks closes it. Throws `config/...`. */
  readonly membersOf: (cluster: string) => Promise<MembersToAsk>;
}

/** What the countersignature says of it. */
export interface ConfirmedBy {
  readonly confirmed: Confirmed;
  readonly confirmation: Confirmation;
}

/** What is asked about one snapshot. */
export interface Inquiry {
  /** Compares what members say with the content that was read back, and asks further ones where that is not enough. Throws `verify/not-confirmed` where they contradict it, else only by the signal. */
  settle(scan: ScanResult): Promise<ConfirmedBy>;
}

/** Nobody is asked. */
export class Settled implements Inquiry {
  readonly #confirmed: Exclude<Confirmed, "members">;
  readonly #reason: string;

  constructor(confirmed: Exclude<Confirmed, "members">, reason: string) {
    this.#confirmed = confirmed;
    this.#reason = reason;
  }

  settle(): Promise<ConfirmedBy> {
    return Promise.resolve({ confirmed: this.#confirmed, confirmation: { reason: this.#reason } });
  }
}

/** Members are asked, one after the other, and nobody twice. */
export class Questions implements Inquiry {
  readonly #consultation: Consultation;
  readonly #manifest: Manifest;
  readonly #ports: ConfirmPorts & { readonly etcd: EtcdSource };
  readonly #onTooLate: (reason: string) => void;
  readonly #revision: number;
  readonly #electorate: Electorate;
  readonly #at: Date;
  /** Goes on where it stopped: nobody is asked twice. */
  readonly #answers: AsyncGenerator<VoterAnswer, void, undefined>;
  readonly #answered: VoterAnswer[] = [];
  readonly #deadline = new AbortController();

  constructor(
    ports: ConfirmPorts & { readonly etcd: EtcdSource },
    consultation: Consultation,
    manifest: Manifest,
    { onTooLate }: { readonly onTooLate: (reason: string) => void },
  ) {
    const { signal } = consultation;
    const until = this.#deadline.signal;
    this.#consultation = { ...consultation, signal: signal === undefined ? until : AbortSignal.any([signal, until]) };
    this.#ports = ports;
    this.#manifest = manifest;
    this.#onTooLate = onTooLate;
    this.#revision = claimedRevision(manifest);
    this.#electorate = electorateOf(consultation);
    this.#at = ports.clock.now();
    const compactedTo = isWhole(manifest.content) ? manifest.content.compactRevision : -1;
    this.#answers = askMembers(ports, this.#consultation, { revision: this.#revision, compactedTo });
  }

  async ask(): Promise<void> {
    const needed = votesNeeded(this.#electorate) ?? Number.POSITIVE_INFINITY;
    while (this.#answered.filter(({ answer }) => !(answer instanceof Error)).length < needed) if (!(await this.#next())) return;
  }

  async settle(scan: ScanResult): Promise<ConfirmedBy> {
    // The scan says the same of content as the manifest, or the verification has ended.
    if (scan.tree !== "whole") return new Settled("not asked", `its page tree is broken (${scan.tree})`).settle();
    let isAll = false;
    let verdict = this.#judge(scan, isAll);
    while (!isAll && verdict.kind !== "members" && verdict.kind !== "contradicted") {
      isAll = !(await this.#next());
      verdict = this.#judge(scan, isAll);
    }
    await this.#answers.return();
    return this.#conclude(verdict, scan);
  }

  #judge(scan: WholeScan, isAll: boolean): Confirming {
    return judgeConfirmation(this.#votes(scan, isAll), this.#electorate, isAll);
  }

  #votes(scan: WholeScan, isAll: boolean): readonly ConfirmingVote[] {
    const answered = this.#answered.map((each): ConfirmingVote => ({ vote: voteOf(each, this.#revision, scan), state: stateOf(each) }));
    const isUnknown = ({ vote, state }: ConfirmingVote): boolean => state === "behind" && vote.id === UNKNOWN_MEMBER;
    if (answered.some(isUnknown))
      return [
        ...answered.map((each): ConfirmingVote => (isUnknown(each) ? { ...each, state: "silent" } : each)),
        ...this.#behindProxies(answered),
      ];
    if (!isAll) return answered;
    const silent = unreachable(
      this.#consultation,
      answered.map(({ vote }) => vote),
    );
    return [...answered, ...silent.map((vote): ConfirmingVote => ({ vote, state: "silent" }))];
  }

  /** Behind a proxy a refusal does not say whose it is; what each member's status said does. */
  #behindProxies(answered: readonly ConfirmingVote[]): readonly ConfirmingVote[] {
    const { endpoints } = this.#consultation.survey;
    const lagging = statusesOf(endpoints).filter(({ isLearner, revision }) => !isLearner && revision < this.#revision);
    const ids = new Set(lagging.map(({ memberId }) => memberId).filter((id) => answered.every(({ vote }) => vote.id !== id)));
    return [...ids].map((id) => ({
      vote: { id, name: "", answer: "unavailable", reason: `it is not at revision ${this.#revision} yet` },
      state: "behind",
    }));
  }

  #conclude(verdict: Confirming, scan: WholeScan): ConfirmedBy {
    const { agreement } = this.#consultation.policy;
    const { progress } = this.#ports;
    const { cluster, id } = this.#manifest;
    const members = this.#votes(scan, verdict.kind !== "members").map(({ vote }) => vote);
    for (const vote of members) progress.debug?.log("decision", `confirming ${cluster}/${id}: ${labelOf(vote)} ${vote.answer}`);
    if (verdict.kind === "contradicted")
      throw new LifeboatError(
        "verify/not-confirmed",
        `${cluster}/${id} is not what its cluster held at revision ${this.#revision}: ${verdict.reason}`,
        {
          hint: `do not restore from it, and find out who can sign with the snapshot key; if the cluster was restored from an older state since, take a backup now. Compare the members with etcdctl endpoint hashkv --cluster --rev=${this.#revision}`,
        },
      );
    for (const vote of members)
      if (vote.answer === "dissents")
        progress.note(
          "warn",
          `${labelOf(vote)} dissents from ${cluster}/${id} at revision ${vote.revision}: compare etcdctl endpoint hashkv --cluster`,
        );
    if (verdict.kind === "too late") this.#onTooLate(verdict.reason);
    return {
      confirmed: verdict.kind,
      confirmation: {
        ...("reason" in verdict ? { reason: verdict.reason } : {}),
        asked: {
          at: this.#at.toISOString(),
          revision: this.#revision,
          agreement,
          voters: this.#electorate.voters ?? 0,
          needed: votesNeeded(this.#electorate) ?? 0,
          members,
        },
      },
    };
  }

  #isOver(): boolean {
    return this.#deadline.signal.aborted;
  }

  /** False where nobody is left who could be asked, or no time. */
  async #next(): Promise<boolean> {
    if (this.#isOver()) return false;
    const { policy } = this.#consultation;
    const cancel = this.#ports.clock.after(LAG_MS + policy.hashKvMs, () => this.#deadline.abort());
    try {
      const next = await this.#answers.next();
      if (next.done === true) return false;
      this.#answered.push(next.value);
      return true;
    } catch (error) {
      // Its own limit ends the asking and not the verification.
      if (!this.#isOver() || !isLifeboatError(error, "interrupted")) throw error;
      return false;
    } finally {
      cancel();
    }
  }
}

function stateOf({ answer }: VoterAnswer): ConfirmingVote["state"] {
  if (!(answer instanceof LifeboatError)) return "told";
  if (answer.code === "etcd/future-revision") return "behind";
  return answer.code === "etcd/compacted" ? "compacted" : "silent";
}

/** What a member on its database is at: as WholeScan.lastRevision, of figures that the verification holds against the scan. */
export function claimedRevision({ content }: Manifest): number {
  return isWhole(content) ? Math.max(1, content.revision, content.compactRevision) : 1;
}
