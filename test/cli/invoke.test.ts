import { expect, test } from "vitest";
import { codeOf, fieldsOf } from "../../cli/invoke-outcome.ts";
import type { ExecutionOutcome } from "../../shared/contract/outcomes.ts";

const OUTCOME: ExecutionOutcome = {
  backup: {
    cluster: "prod",
    id: "20261121T100000Z",
    existing: false,
    committedBy: "this-run",
    manifestDigest: "sha256:1",
    proof: "proven",
    quarantined: false,
    dissenters: [],
    lineage: 1,
    lineageAttention: null,
    databaseBytes: 2048,
    storedBytes: 1024,
    custody: "3:sha256:2",
    needsAttention: false,
    findings: [],
  },
  verify: {
    cluster: "prod",
    id: "20261121T100000Z",
    countersignature: "clusters/prod/verified/x.json",
    confirmed: "members",
    notConfirmed: null,
    custody: "4:sha256:3",
    replicas: [
      { replica: "near", outcome: "copied" },
      { replica: "far", outcome: "existing" },
    ],
    findings: [],
    order: { outcome: "nothing", subjects: 0, bytes: 0, brakes: [], message: null },
  },
  keeper: null,
  keeperFailure: null,
};

test("what the service did is shown, with where the snapshot was copied to", () => {
  expect(fieldsOf(OUTCOME)).toEqual([
    ["snapshot", "prod/20261121T100000Z"],
    ["database", "2.0 KiB"],
    ["stored", "1.0 KiB"],
    ["proof", "proven"],
    ["verified", "clusters/prod/verified/x.json"],
    ["copied to", "near, far"],
    ["manifest", "sha256:1"],
    ["custody", "4:sha256:3"],
  ]);
  expect(codeOf(OUTCOME)).toBe(0);
});

test("a replica that was not filled needs a person, as after lifeboat backup", () => {
  const failed: ExecutionOutcome = { ...OUTCOME, verify: { ...OUTCOME.verify, replicas: [{ replica: "far", outcome: "failed" }] } };
  expect(codeOf(failed)).toBe(6);
  expect(fieldsOf(failed)).toContainEqual(["LOOK", "not copied to far: the log of the verify function says why"]);
  expect(fieldsOf(failed).map(([name]) => name)).not.toContain("copied to");
});

test("findings of the backup need a person too", () => {
  const unproven: ExecutionOutcome = {
    ...OUTCOME,
    backup: { ...OUTCOME.backup, proof: "unproven", needsAttention: true, findings: ["unproven: m2 is down"] },
  };
  expect(codeOf(unproven)).toBe(6);
  expect(fieldsOf(unproven)).toContainEqual(["LOOK", "unproven: m2 is down"]);
});

const KEEPER: ExecutionOutcome["keeper"] = {
  cluster: "prod",
  order: { id: "sha256:4", time: "2026-11-21T10:01:00.000Z" },
  removed: 1,
  removedBytes: 1024,
  locked: 0,
  refused: 0,
  unfinished: 0,
  locksExtended: 0,
  bytesBefore: 4096,
  bytesAfter: 3072,
  needsAttention: false,
  findings: [],
};

test("what was ordered to go and what is gone is shown", () => {
  const order = { ...OUTCOME.verify.order, outcome: "ordered" as const, subjects: 3, bytes: 1024 };
  const removed: ExecutionOutcome = { ...OUTCOME, verify: { ...OUTCOME.verify, order }, keeper: KEEPER };
  expect(fieldsOf(removed)).toEqual(
    expect.arrayContaining([
      ["ordered to go", "3 objects, 1.0 KiB"],
      ["removed", "1 snapshots, 1.0 KiB"],
    ]),
  );
  expect(codeOf(removed)).toBe(0);
});

test.each([
  [
    "what waits for a person",
    {
      verify: {
        ...OUTCOME.verify,
        order: {
          ...OUTCOME.verify.order,
          outcome: "waits" as const,
          brakes: [{ name: "many", message: "9 would go", fix: "look at lifeboat prune" }],
        },
      },
    },
    "nothing is removed, since 9 would go; look at lifeboat prune",
  ],
  [
    "an order that was not made",
    { verify: { ...OUTCOME.verify, order: { ...OUTCOME.verify.order, outcome: "failed" as const, message: "no order\nhint: look" } } },
    "no order; hint: look",
  ],
  ["what the keeper refused", { keeper: { ...KEEPER, needsAttention: true, findings: ["it was refused"] } }, "it was refused"],
  ["a keeper that failed", { keeperFailure: { code: "deadline", message: "too late" } }, "the keeper failed: too late"],
])("%s needs a person too", (_, change, line) => {
  const outcome: ExecutionOutcome = { ...OUTCOME, ...change };
  expect(codeOf(outcome)).toBe(6);
  expect(fieldsOf(outcome)).toContainEqual(["LOOK", line]);
});
