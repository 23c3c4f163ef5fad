import { describe, expect, test } from "vitest";
import { judgeConfirmation } from "../../shared/etcd/confirmation.ts";
import type { ConfirmingVote } from "../../shared/etcd/confirmation.ts";
import type { Agreement } from "../../shared/documents/proof.ts";
import { UNKNOWN_MEMBER } from "../../shared/etcd/cluster-facts.ts";

const said = (number: number) => ({ id: `a${number}`, name: `m${number}`, revision: 50, compactRevision: 40 });
const yes = (number: number): ConfirmingVote => ({ vote: { ...said(number), answer: "agrees", hash: 1 }, state: "told" });
const no = (number: number, hash = 2): ConfirmingVote => ({ vote: { ...said(number), answer: "dissents", hash }, state: "told" });
const nothing = (number: number, state: "behind" | "compacted" | "silent"): ConfirmingVote => ({
  vote: { id: `a${number}`, name: `m${number}`, answer: "unavailable", reason: state },
  state,
});
const [behind, compacted, silent] = [
  (number: number) => nothing(number, "behind"),
  (number: number) => nothing(number, "compacted"),
  (number: number) => nothing(number, "silent"),
];
const judged = (answers: readonly ConfirmingVote[], agreement: Agreement = "quorum", voters: number | undefined = 3): string =>
  judgeConfirmation(answers, { agreement, voters, sourceId: UNKNOWN_MEMBER }, true).kind;

describe.each<[string, string, readonly ConfirmingVote[], Agreement?, number?]>([
  ["members", "a quorum agrees", [yes(1), yes(2)]],
  ["members", "a quorum agrees against a dissenter", [no(1), yes(2), yes(3)]],
  ["members", "one agrees where one is asked for", [yes(1)], "one"],
  ["members", "all agree where all are asked for", [yes(1), yes(2), yes(3)], "all"],
  ["contradicted", "a quorum dissents", [no(1), no(2)]],
  ["contradicted", "a quorum dissents, each in its own way", [no(1, 2), no(2, 3)]],
  ["contradicted", "the only one that speaks dissents", [no(1), silent(2), silent(3)]],
  ["contradicted", "one dissents and the others have compacted it", [no(1), compacted(2), compacted(3)]],
  ["contradicted", "a quorum has not come so far", [behind(1), behind(2), silent(3)]],
  ["contradicted", "one dissents and another has not come so far", [no(1), behind(2), yes(3)]],
  ["contradicted", "all have to agree and one dissents", [yes(1), yes(2), no(3)], "all"],
  ["contradicted", "one is asked for and all dissent", [no(1), no(2), no(3)], "one"],
  ["contradicted", "the only member dissents", [no(1)], "quorum", 1],
  ["not asked", "one agrees and one dissents, and the third is silent", [yes(1), no(2), silent(3)]],
  ["not asked", "one lags and the others are silent", [behind(1), silent(2), silent(3)]],
  ["not asked", "all have to agree and one lags", [yes(1), yes(2), behind(3)], "all"],
  ["not asked", "nobody speaks", [silent(1), silent(2), silent(3)]],
  ["too late", "all have compacted it", [compacted(1), compacted(2), compacted(3)]],
  ["too late", "one agrees and the others have compacted it", [yes(1), compacted(2), compacted(3)]],
  ["too late", "one has compacted it and the others are silent", [compacted(1), silent(2), silent(3)]],
])("%s", (kind, why, answers, agreement, voters) => {
  test(`where ${why}`, () => expect(judged(answers, agreement, voters)).toBe(kind));
});

test("who alone dissents among those that spoke so far may not be alone in the end", () => {
  const electorate = { agreement: "quorum", voters: 3, sourceId: UNKNOWN_MEMBER } as const;
  expect(judgeConfirmation([no(1)], electorate, false).kind).toBe("not asked");
  expect(judgeConfirmation([no(1), yes(2), yes(3)], electorate, true)).toEqual({ kind: "members" });
});

test("where nobody knows the number of voters, a dissenter that nobody speaks against is believed", () => {
  const electorate = { agreement: "quorum", voters: undefined, sourceId: UNKNOWN_MEMBER } as const;
  expect(judgeConfirmation([no(1), no(2)], electorate, true).kind).toBe("contradicted");
  expect(judgeConfirmation([yes(1), yes(2)], electorate, true)).toMatchObject({ kind: "not asked" });
});

test("the reasons name members", () => {
  const electorate = { agreement: "quorum", voters: 3, sourceId: UNKNOWN_MEMBER } as const;
  expect(judgeConfirmation([no(1), no(2)], electorate, true)).toEqual({
    kind: "contradicted",
    reason: "m1 and m2 have another HashKV than its content",
  });
  expect(judgeConfirmation([no(1), behind(2), silent(3)], electorate, true)).toEqual({
    kind: "contradicted",
    reason: "m1 has another HashKV than its content; m2 has not come so far: behind",
  });
  expect(judgeConfirmation([compacted(1), silent(2), silent(3)], electorate, true)).toEqual({
    kind: "too late",
    reason: "m1 has compacted past its revision",
  });
});
