import { describe, expect, test } from "vitest";
import { judge, quorumOf, votesNeeded } from "../../shared/etcd/agreement.ts";
import type { Electorate } from "../../shared/etcd/agreement.ts";
import type { Agreement, Vote } from "../../shared/documents/proof.ts";
import { saying } from "../support/matchers.ts";

const REVISION = 40;
const vote = (number: number, answer: "agrees" | "dissents", hash = answer === "agrees" ? 7 : 8, compactRevision = 30): Vote => ({
  id: `a${number}`,
  name: `m${number}`,
  answer,
  revision: REVISION,
  compactRevision,
  hash,
});
const silent = (number: number, reason = "it is down"): Vote => ({ id: `a${number}`, name: `m${number}`, answer: "unavailable", reason });
const of = (voters: number | undefined, agreement: Agreement = "quorum"): Electorate => ({ agreement, voters, sourceId: "a1" });
const [yes, no] = [(number: number) => vote(number, "agrees"), (number: number) => vote(number, "dissents")];

test("a quorum is more than half", () => {
  expect([1, 2, 3, 4, 5, 6, 7].map(quorumOf)).toEqual([1, 2, 2, 3, 3, 4, 4]);
});

test.each<[Agreement, number | undefined, number | undefined]>([
  ["quorum", 5, 3],
  ["all", 5, 5],
  ["one", 5, 1],
  ["off", 5, 0],
  ["quorum", undefined, undefined],
  ["all", undefined, undefined],
  ["one", undefined, 1],
])("%s of %s voters needs %s", (agreement, voters, needed) => {
  expect(votesNeeded(of(voters, agreement))).toBe(needed);
});

describe("proven", () => {
  test.each<[string, readonly Vote[], Electorate]>([
    ["the only member", [yes(1)], of(1)],
    ["both of two", [yes(1), yes(2)], of(2)],
    ["two of three", [yes(1), yes(3)], of(3)],
    ["two of three, and one dissents", [yes(1), no(2), yes(3)], of(3)],
    ["two of three, and one is silent", [yes(1), silent(2), yes(3)], of(3)],
    ["three of five without the source", [silent(1), yes(2), yes(3), yes(4)], of(5)],
    ["one, where one is enough", [yes(1)], of(3, "one")],
    ["one, where nobody could list the members", [yes(1)], of(undefined, "one")],
    ["all", [yes(1), yes(2), yes(3)], of(3, "all")],
  ])("%s", (_what, votes, electorate) => {
    expect(judge(votes, electorate)).toEqual({ kind: "proven" });
  });
});

describe("unproven, with the reason", () => {
  test.each<[readonly Vote[], Electorate, string]>([
    [[], of(3), "0 of 3 voting members confirmed it, and 2 are needed"],
    [[yes(1)], of(3), "1 of 3 voting members confirmed it, and 2 are needed"],
    [[yes(1), silent(2), silent(3, "it was compacted")], of(3), "and 2 are needed; m2: it is down; m3: it was compacted"],
    [[silent(1)], of(1), "0 of 1 voting members confirmed it, and 1 is needed; m1: it is down"],
    [[yes(1), yes(2), silent(3)], of(3, "all"), "2 of 3 voting members confirmed it, and 3 are needed; m3: it is down"],
    [[yes(1), yes(2), yes(3)], of(undefined), "nobody could list the members"],
  ])("%#", (votes, electorate, reason) => {
    expect(judge(votes, electorate)).toEqual({ kind: "unproven", reason: saying(reason) });
  });
});

test("the source's own dissent means that what it sent was altered, whatever the others say", () => {
  for (const votes of [[no(1)], [no(1), yes(2), yes(3)], [yes(2), yes(3), no(1)]]) {
    expect(judge(votes, of(3))).toEqual({ kind: "altered", reason: "m1 itself has another HashKV at revision 40 than what it sent" });
  }
});

describe("a quorum against the source", () => {
  test("names who is of it", () => {
    expect(judge([yes(1), no(2), no(3)], of(3))).toMatchObject({
      kind: "source-dissents",
      rightful: ["a2", "a3"],
      reason: saying("m2 and m3 have"),
    });
    expect(judge([silent(1), no(2), no(3)], of(3))).toMatchObject({ kind: "source-dissents" });
    expect(judge([yes(1), vote(5, "dissents", 99), no(2), no(3), no(4)], of(5))).toMatchObject({ rightful: ["a2", "a3", "a4"] });
  });

  test.each<[string, readonly Vote[], Electorate]>([
    ["needs equal hashes", [yes(1), no(2), vote(3, "dissents", 9)], of(3)],
    ["needs equal compact revisions", [yes(1), no(2), vote(3, "dissents", 8, 31)], of(3)],
    ["is none where half of them stand against each other", [yes(1), no(2)], of(2)],
    ["is none where all must agree", [yes(1), no(2), no(3)], of(3, "all")],
    ["is none where it is not known how many there are", [no(2), no(3)], of(undefined)],
  ])("%s: then they disagree", (_what, votes, electorate) => {
    expect(judge(votes, electorate)).toMatchObject({
      kind: "disagreement",
      reason: saying("another HashKV at revision 40 than the snapshot"),
    });
  });
});

test("a disagreement names who stands on which side", () => {
  expect(judge([yes(1), no(2), silent(3)], of(3))).toEqual({
    kind: "disagreement",
    reason: "m2 has another HashKV at revision 40 than the snapshot, with which m1 agrees",
  });
});

test("a member counts once, however often it was asked", () => {
  expect(judge([yes(1), yes(1)], of(3))).toMatchObject({ kind: "unproven", reason: saying("1 of 3 voting members") });
  expect(judge([no(2), yes(1), no(2)], of(3))).toMatchObject({ kind: "disagreement" });
  expect(judge([silent(2), yes(1), yes(2)], of(3))).toEqual({ kind: "proven" });
});

test("why the number of voters is not known is said in the caller's words", () => {
  expect(judge([yes(1)], { ...of(undefined), votersUnknown: "a proxy hides them" })).toEqual({
    kind: "unproven",
    reason: "a proxy hides them",
  });
});

test("a member without a name is named by its id", () => {
  expect(judge([{ ...no(1), name: "" }], of(1))).toMatchObject({ reason: saying("a1 itself") });
});
