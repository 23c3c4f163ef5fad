import { expect, test } from "vitest";
import { codeOf, fieldsOf } from "../../cli/invoke.ts";
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
  },
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
