import type { Vote } from "../documents/proof.ts";
import { judge, nameOf, names, quorumOf, votesNeeded } from "./agreement.ts";
import type { Electorate } from "./agreement.ts";

/**
 * Whether the members of a cluster confirm a snapshot to whoever verifies it, some time after it was taken and with nothing but the writer's word for where it is from. It is stricter than the proof of a backup
 * (agreement.ts): that a member has not come as far as the snapshot says counts against it, since a snapshot is of what a quorum had committed.
 */

/** What one member said to the verifier, and whether it says so because it has not come so far, or went past it. */
export interface ConfirmingVote {
  readonly vote: Vote;
  readonly state: "told" | "behind" | "compacted" | "silent";
}

export type Confirming =
  | { readonly kind: "members" }
  | { readonly kind: "too late" | "not asked"; readonly reason: string }
  /** So many contradict that it is not what the cluster held. */
  | { readonly kind: "contradicted"; readonly reason: string };

/** What the answers amount to. `members` and `contradicted` stay so whatever else is answered; `isAll`: nobody else can be asked. */
export function judgeConfirmation(answers: readonly ConfirmingVote[], electorate: Electorate, isAll: boolean): Confirming {
  const votes = answers.map(({ vote }) => vote);
  const verdict = judge(votes, electorate);
  if (verdict.kind === "proven") return { kind: "members" };
  const agree = votes.filter(({ answer }) => answer === "agrees");
  const dissent = votes.filter(({ answer }) => answer === "dissents");
  const behind = answers.flatMap(({ vote, state }) => (state === "behind" ? [vote] : []));
  const { voters } = electorate;
  const needed = votesNeeded(electorate);
  // One that lags is no liar, also where all are asked for: that counts only where no quorum is left that may have committed it.
  const isOutvoted =
    voters !== undefined &&
    needed !== undefined &&
    (voters - dissent.length < needed || voters - dissent.length - behind.length < Math.min(needed, quorumOf(voters)));
  // The others are silent, and whoever speaks contradicts.
  const isAlone = isAll && dissent.length > 0 && agree.length === 0;
  if (isOutvoted || isAlone) return { kind: "contradicted", reason: [...differing(dissent), ...behind.map(describeBehind)].join("; ") };
  const compacted = answers.flatMap(({ vote, state }) => (state === "compacted" ? [vote] : []));
  if (compacted.length === 0) return { kind: "not asked", reason: verdict.reason };
  return { kind: "too late", reason: `${names(compacted)} ${compacted.length === 1 ? "has" : "have"} compacted past its revision` };
}

function differing(dissent: readonly Vote[]): readonly string[] {
  return dissent.length === 0 ? [] : [`${names(dissent)} ${dissent.length === 1 ? "has" : "have"} another HashKV than its content`];
}

function describeBehind(vote: Vote): string {
  return `${nameOf(vote)} has not come so far${vote.answer === "unavailable" ? `: ${vote.reason}` : ""}`;
}
