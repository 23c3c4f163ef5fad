import { expect, test } from "vitest";
import { known, unknown } from "../../../shared/audit/facts.ts";
import { judgeRpo } from "../../../shared/audit/rules/rpo.ts";
import { factsWith, snapshotAt, WELL_POLICY } from "../facts.ts";

const UNPROVEN = { lacks: [{ code: "unproven", reason: "unproven: no quorum" }] } as const;

test("a good snapshot within the rpo is no finding", () => expect(judgeRpo(factsWith())).toEqual([]));

test("one that is older is", () => {
  const [finding, ...more] = judgeRpo(factsWith({ snapshots: known([snapshotAt(5), snapshotAt(3), snapshotAt(1, UNPROVEN)]) }));
  expect(more).toEqual([]);
  expect(finding).toMatchObject({
    code: "rpo/exceeded",
    severity: "error",
    subject: `prod/${snapshotAt(3).id}`,
    evidence: ["it is 2 h 59 min old", "the rpo is 2 h"],
    runbook: "`lifeboat check` says CRITICAL",
  });
});

test("a cluster of which none is good has no age", () =>
  expect(judgeRpo(factsWith({ snapshots: known([snapshotAt(1, UNPROVEN)]) }))).toMatchObject([{ code: "rpo/none", subject: "prod" }]));

test.each([
  ["snapshots that could not be learned", { snapshots: unknown("access is denied") }],
  ["a cluster that nobody configured", { policy: undefined, snapshots: known([]) }],
  ["a cluster without any, which has a finding of its own", { snapshots: known([]) }],
])("of %s it says nothing", (_, changes) => expect(judgeRpo(factsWith(changes))).toEqual([]));

test("an rpo is exceeded one millisecond after it", () => {
  const policy = { ...WELL_POLICY, rpoMs: 3_598_000 };
  expect(judgeRpo(factsWith({ policy }))).toEqual([]);
  expect(judgeRpo(factsWith({ policy: { ...policy, rpoMs: 3_597_999 } }))).toHaveLength(1);
});
