import type { Agreement, Vote } from "../documents/proof.ts";

/**
 * Whether the members of a cluster confirm what a snapshot holds. Each is asked for HashKV, the hash of bucket `key` at a revision, and its answer is
 * compared with what the scan of the snapshot gives for the same revision and the member's own compact revision.
 */

export interface Electorate {
  readonly agreement: Agreement;
  /** Voting members of the cluster, whether they can be asked or not; undefined where nobody could list them. */
  readonly voters: number | undefined;
  /** Why `voters` is not known, where there is more to say than that nobody could list them. */
  readonly votersUnknown?: string | undefined;
  /** The member that gave the snapshot; UNKNOWN_MEMBER where that is not known, which is nobody's id. */
  readonly sourceId: string;
}

export type Verdict =
  | { readonly kind: "proven" }
  /** Nobody contradicts, and too few confirm. */
  | { readonly kind: "unproven"; readonly reason: string }
  /** The member itself holds something else than what it sent. */
  | { readonly kind: "altered"; readonly reason: string }
  /** A quorum agrees on something else than what the source has. */
  | { readonly kind: "source-dissents"; readonly rightful: readonly string[]; readonly reason: string }
  /** Members contradict each other, and nobody has a quorum. */
  | { readonly kind: "disagreement"; readonly reason: string };

/** How many members must confirm; undefined where that cannot be known. */
export function votesNeeded({ agreement, voters }: Electorate): number | undefined {
  if (agreement === "off") return 0;
  if (agreement === "one") return 1;
  if (voters === undefined) return undefined;
  return agreement === "all" ? voters : quorumOf(voters);
}

export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** What the votes so far amount to, one of each member. Only `unproven` and `disagreement` may change by further ones. */
export function judge(all: readonly Vote[], electorate: Electorate): Verdict {
  const { agreement, voters, sourceId } = electorate;
  const votes = onceEach(all);
  const agree = votes.filter(({ answer }) => answer === "agrees");
  const dissent = votes.filter((vote) => vote.answer === "dissents");
  const own = dissent.find(({ id }) => id === sourceId);
  if (own !== undefined) {
    return { kind: "altered", reason: `${nameOf(own)} itself has another HashKV at revision ${own.revision} than what it sent` };
  }
  const needed = votesNeeded(electorate);
  if (needed !== undefined && agree.length >= needed) return { kind: "proven" };
  if (dissent.length > 0) {
    const difference = `${names(dissent)} ${dissent.length === 1 ? "has" : "have"} another HashKV at revision ${dissent[0]?.revision}`;
    const rightful = largestGroup(dissent).map(({ id }) => id);
    // With `all` nobody may dissent, whoever is right.
    if (agreement !== "all" && voters !== undefined && rightful.length >= quorumOf(voters)) {
      return {
        kind: "source-dissents",
        rightful,
        reason: `${difference}, which is a quorum against the member that was asked for the snapshot`,
      };
    }
    return {
      kind: "disagreement",
      reason: `${difference} than the snapshot${agree.length === 0 ? "" : `, with which ${names(agree)} agrees`}`,
    };
  }
  return { kind: "unproven", reason: tooFew(votes, agree.length, needed, electorate) };
}

/** Whatever was asked how often: a member counts once, by its first answer that can be compared. */
function onceEach(votes: readonly Vote[]): readonly Vote[] {
  const says = ({ answer }: Vote): boolean => answer === "agrees" || answer === "dissents";
  return votes.filter((vote, index) => !says(vote) || votes.findIndex((other) => says(other) && other.id === vote.id) === index);
}

function tooFew(votes: readonly Vote[], agree: number, needed: number | undefined, { voters, votersUnknown }: Electorate): string {
  const silent = votes.flatMap((vote) => (vote.answer === "unavailable" ? [`${nameOf(vote)}: ${vote.reason}`] : []));
  const why = silent.length === 0 ? "" : `; ${silent.join("; ")}`;
  if (needed === undefined) return `${votersUnknown ?? "nobody could list the members, so how many make a quorum is not known"}${why}`;
  return `${agree} of ${voters ?? "the"} voting members confirmed it, and ${needed} ${needed === 1 ? "is" : "are"} needed${why}`;
}

type Dissent = Extract<Vote, { answer: "dissents" }>;

/** Answers can only be compared with each other at equal compact revisions. */
function largestGroup(dissent: readonly Dissent[]): readonly Dissent[] {
  const groups = Map.groupBy(dissent, ({ revision, compactRevision, hash }) => `${revision}/${compactRevision}/${hash}`);
  return [...groups.values()].reduce((best, group) => (group.length > best.length ? group : best), []);
}

export function names(votes: readonly Vote[]): string {
  return votes.map(nameOf).join(" and ");
}

export function nameOf({ id, name }: Vote): string {
  return name === "" ? id : name;
}
