import { isLifeboatError } from "../../errors.ts";
import type { StreamLimits } from "../../etcd/etcd-source.ts";
import type { Proof, Vote } from "../../documents/proof.ts";
import type { SnapshotName } from "../../store/snapshot-store.ts";
import { askEarly, askForAgreement, electorateOf } from "./ask-agreement.ts";
import type { AgreementPolicy, AgreementPorts, Consultation, EarlierAnswers } from "./ask-agreement.ts";
import { votesNeeded } from "../../etcd/agreement.ts";
import { UNKNOWN_MEMBER } from "../../etcd/cluster-facts.ts";
import type { BackupPlan } from "./plan.ts";
import { streamFromFirstThatCan } from "./stream.ts";
import type { StreamPorts, Streamed } from "./stream.ts";
import type { SnapshotSource, Survey } from "../../etcd/survey.ts";

export interface TakeRequest {
  readonly name: SnapshotName;
  readonly survey: Survey;
  readonly plan: BackupPlan;
  readonly policy: AgreementPolicy;
  readonly limits: StreamLimits;
  readonly signal?: AbortSignal | undefined;
  readonly phases: { run<T>(name: "stream" | "agreement", action: () => Promise<T>): Promise<T> };
}

/** A snapshot that waits for its commit, and what is to be said of it. */
export interface Taken {
  readonly streamed: Streamed;
  readonly proof: Proof;
  readonly quarantine?: { readonly reasons: readonly string[] };
  /** Members of which a copy is to be kept as well, since nobody knows who is right. */
  readonly alsoFrom: readonly SnapshotSource[];
}

/**
 * At 10 MB/s this takes three and a half minutes. Kubernetes compacts every five to what was current five minutes before, so what takes longer may end on a revision
 * that nobody can be asked for any more.
 */
const LONG_TRANSFER_BYTES = 2 * 1024 ** 3;

/**
 * A snapshot of the first member whose content the cluster confirms. One that breaks on the way, whose page tree is broken, or that the member or a quorum contradicts is
 * dropped, and the next member is asked; where none is left, the first that was whole in its bytes is kept, in quarantine. Rejects as
 * `streamFromFirstThatCan` does; then nothing is left pending.
 */
export async function takeSnapshot(ports: StreamPorts & AgreementPorts, request: TakeRequest): Promise<Taken> {
  const attempt = new Attempts(ports, request);
  try {
    return await attempt.run();
  } catch (error) {
    await attempt.drop();
    throw error;
  }
}

/** A snapshot of a cluster that is known to be in a bad way: nobody is asked to confirm it. */
export async function takeQuarantined(
  ports: StreamPorts & AgreementPorts,
  request: TakeRequest,
  sources: readonly SnapshotSource[],
  quarantine: { readonly reasons: readonly string[] },
): Promise<Taken> {
  const { phases, name, limits, signal } = request;
  const streamed = await phases.run("stream", () => streamFromFirstThatCan(ports, { name, sources, limits, signal }));
  const reason = "it is in quarantine, and nobody was asked to confirm it";
  return { streamed, proof: unproven(request, streamed.source, reason, []), quarantine, alsoFrom: [] };
}

/** A snapshot that was streamed whole, and what was asked before. */
interface Attempt extends Streamed {
  readonly earlier?: EarlierAnswers | undefined;
}

class Attempts {
  readonly #ports: StreamPorts & AgreementPorts;
  readonly #request: TakeRequest;
  #sources: readonly SnapshotSource[];
  /** What is wrong with those that were not taken. */
  readonly #doubts: string[] = [];
  /** The members that sent those. */
  readonly #rejected: Vote[] = [];
  readonly #tried = new Set<SnapshotSource>();
  /** Whole in its bytes, and not good: kept where nothing better comes. */
  #fallback: Attempt | undefined;
  #current: Attempt | undefined;

  constructor(ports: StreamPorts & AgreementPorts, request: TakeRequest) {
    this.#ports = ports;
    this.#request = request;
    this.#sources = request.plan.sources;
  }

  async run(): Promise<Taken> {
    while (this.#sources.length > 0) {
      const streamed = await this.#stream();
      if (streamed === undefined) break;
      const taken = await this.#judge(streamed);
      if (taken === undefined) continue;
      await this.#fallback?.pending.drop();
      return taken;
    }
    const streamed = this.#fallback;
    if (streamed === undefined) throw new Error("a backup ended without a snapshot and without an error");
    const reason = this.#doubts.join("; ");
    return {
      streamed,
      proof: this.#unproven(streamed.source, reason, this.#rejected),
      quarantine: { reasons: this.#doubts },
      alsoFrom: [],
    };
  }

  /** Leaves nothing of what is not returned. */
  async drop(): Promise<void> {
    await this.#fallback?.pending.drop();
    await this.#current?.pending.drop();
  }

  /** Undefined where no more can be had and there is something to fall back to. */
  async #stream(): Promise<Attempt | undefined> {
    const { name, limits, signal, phases, policy } = this.#request;
    const [first] = this.#sources;
    const isLong = first !== undefined && first.status.databaseBytes >= LONG_TRANSFER_BYTES && policy.agreement !== "off";
    const earlier = isLong ? await phases.run("agreement", () => askEarly(this.#ports, this.#consultation(first))) : undefined;
    try {
      const streamed = await phases.run("stream", () =>
        streamFromFirstThatCan(this.#ports, { name, sources: this.#sources, limits, signal }),
      );
      this.#sources = this.#sources.slice(this.#sources.indexOf(streamed.source) + 1);
      this.#tried.add(streamed.source);
      this.#current = { ...streamed, earlier };
      return this.#current;
    } catch (error) {
      if (this.#fallback === undefined || !isLifeboatError(error, "etcd/")) throw error;
      return undefined;
    }
  }

  /** Undefined where another member should be asked. */
  async #judge(attempt: Attempt): Promise<Taken | undefined> {
    const { scan, source } = attempt;
    const { policy, phases, survey } = this.#request;
    if (scan.tree !== "whole") {
      const reason = `the page tree of what it sent is broken (${scan.tree}): ${scan.message}`;
      return this.#reject(attempt, { ...voterOf(source), answer: "broken", reason }, reason);
    }
    if (policy.agreement === "off") {
      return { streamed: attempt, proof: this.#unproven(source, "agreement is off for this cluster", []), alsoFrom: [] };
    }
    const consulted = await phases.run("agreement", () => askForAgreement(this.#ports, this.#consultation(source), scan, attempt.earlier));
    const { verdict, revision } = consulted;
    const votes = [...this.#rejected.filter(({ id }) => consulted.votes.every((vote) => vote.id !== id)), ...consulted.votes];
    switch (verdict.kind) {
      case "proven":
        for (const vote of votes) if (vote.answer === "dissents") this.#warn(`${labelOf(vote)} dissents: ${DISSENT}`);
        return {
          streamed: attempt,
          proof: { status: "proven", revision, ...askedOf(this.#request, source), members: votes },
          alsoFrom: [],
        };
      case "unproven":
        return { streamed: attempt, proof: this.#unproven(source, verdict.reason, votes), alsoFrom: [] };
      case "altered":
        return this.#reject(attempt, { ...voterOf(source), answer: "broken", reason: verdict.reason }, verdict.reason);
      case "source-dissents": {
        // Whoever is of that quorum has what the cluster agreed on; where nobody can be chosen the next one may be.
        this.#sources = survey.sources.filter(
          (each) => (isUnknown(each) || verdict.rightful.includes(each.status.memberId)) && !this.#tried.has(each),
        );
        const own = votes.find((vote) => vote.id === source.status.memberId && vote.answer === "agrees");
        return this.#reject(attempt, own?.answer === "agrees" ? { ...own, answer: "dissents" } : undefined, verdict.reason);
      }
      case "disagreement":
        this.#warn(verdict.reason);
    }
    return {
      streamed: attempt,
      proof: this.#unproven(source, verdict.reason, votes),
      quarantine: { reasons: [verdict.reason] },
      alsoFrom: survey.sources.filter((each) => each !== source),
    };
  }

  async #reject(attempt: Attempt, vote: Vote | undefined, reason: string): Promise<undefined> {
    const doubt = `${labelOf(voterOf(attempt.source))}: ${reason}`;
    this.#doubts.push(doubt);
    this.#warn(doubt);
    if (vote !== undefined) this.#rejected.push(vote);
    this.#current = undefined;
    if (this.#fallback === undefined) this.#fallback = attempt;
    else await attempt.pending.drop();
  }

  #consultation(source: SnapshotSource): Consultation & { readonly source: SnapshotSource } {
    const { name, policy, survey, signal } = this.#request;
    return { cluster: name.cluster, policy, survey, source, signal };
  }

  #unproven(source: SnapshotSource, reason: string, votes: readonly Vote[]): Proof {
    return unproven(this.#request, source, reason, votes);
  }

  #warn(message: string): void {
    this.#ports.progress.note("warn", message);
  }
}

const DISSENT =
  "what it holds differs from what a quorum agrees on; compare `etcdctl endpoint hashkv --cluster`, then remove the member and add it anew";

function unproven(request: TakeRequest, source: SnapshotSource, reason: string, votes: readonly Vote[]): Proof {
  return { status: "unproven", reason, ...askedOf(request, source), members: [...votes] };
}

function askedOf({ name, policy, survey }: TakeRequest, source: SnapshotSource): Pick<Proof, "agreement" | "voters" | "needed"> {
  const electorate = electorateOf({ cluster: name.cluster, policy, survey, source });
  return { agreement: policy.agreement, voters: electorate.voters ?? 0, needed: votesNeeded(electorate) ?? 0 };
}

function voterOf({ name, status }: SnapshotSource): { readonly id: string; readonly name: string } {
  return { id: status.memberId, name: isUnknown({ status }) ? `a member behind ${status.endpoint}` : name };
}

function isUnknown({ status }: Pick<SnapshotSource, "status">): boolean {
  return status.memberId === UNKNOWN_MEMBER;
}

function labelOf({ id, name }: { readonly id: string; readonly name: string }): string {
  return name === "" ? id : name;
}
