import { expect, test } from "vitest";
import { lacksOf } from "../../shared/documents/good.ts";
import type { GoodPolicy } from "../../shared/documents/good.ts";
import type { Confirm } from "../../shared/documents/confirmation.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
import type { Agreement } from "../../shared/documents/proof.ts";
import type { Verification } from "../../shared/documents/verification.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const PROVEN: Manifest["proof"] = { status: "proven", revision: 50, agreement: "quorum", voters: 3, needed: 2, members: [] };
const UNPROVEN: Manifest["proof"] = { status: "unproven", reason: "1 of 3 agrees", agreement: "quorum", voters: 3, needed: 2, members: [] };
const OFF: Manifest["proof"] = { ...UNPROVEN, agreement: "off", reason: "agreement is off" };

/** Of a manifest only what its proof and quarantine say matters here; of a countersignature whose it is. */
function found(proof: Manifest["proof"], quarantine?: Manifest["quarantine"]): { manifest: Manifest; digest: string } {
  return { manifest: { proof, quarantine } as unknown as Manifest, digest: DIGEST };
}
const signed = { manifestDigest: DIGEST } as Verification;
const ofAnother = { manifestDigest: `sha256:${"b".repeat(64)}` } as Verification;
const policy = (agreement: Agreement, confirm: Confirm = "wanted"): GoodPolicy => ({ agreement, confirm });
const NOT_COUNTERSIGNED = { code: "not-countersigned", reason: "not countersigned" };

test("countersigned, proven and not in quarantine is good", () => {
  expect(lacksOf(found(PROVEN), [ofAnother, signed], policy("quorum"))).toEqual([]);
  expect(lacksOf(found(PROVEN), [signed], undefined)).toEqual([]);
});

test("without a countersignature of this very manifest it is not", () => {
  expect(lacksOf(found(PROVEN), [], policy("quorum"))).toEqual([NOT_COUNTERSIGNED]);
  expect(lacksOf(found(PROVEN), [ofAnother], policy("quorum"))).toEqual([NOT_COUNTERSIGNED]);
});

test("a countersignature makes nothing proven, and frees nothing from quarantine", () => {
  const reasons = ["an alarm says it is corrupt", "no leader"];
  expect(lacksOf(found(UNPROVEN, { reasons }), [signed], policy("quorum"))).toEqual([
    { code: "unproven", reason: "unproven: 1 of 3 agrees" },
    { code: "quarantine", reason: "in quarantine: an alarm says it is corrupt; no leader" },
  ]);
  expect(lacksOf(found(PROVEN, { reasons: ["no leader"] }), [], policy("off")).map(({ code }) => code)).toEqual([
    "not-countersigned",
    "quarantine",
  ]);
});

test.each([["off"], [undefined]] as const)("agreement off counts where the configuration says %s", (configured) => {
  expect(lacksOf(found(OFF), [signed], configured === undefined ? undefined : policy(configured))).toEqual([]);
});

test.each([["quorum"], ["all"], ["one"]] as const)("the writer's word that the proof is off is not taken against %s", (configured) => {
  expect(lacksOf(found(OFF), [signed], policy(configured))).toEqual([
    { code: "unproven", reason: `unproven: its manifest says agreement off, and the configuration asks for ${configured}` },
  ]);
});

test("the configuration alone turns no unproven snapshot into a good one", () => {
  expect(lacksOf(found(UNPROVEN), [signed], policy("off"))).toEqual([{ code: "unproven", reason: "unproven: 1 of 3 agrees" }]);
});

test.each([["too late"], ["not asked"], [undefined]] as const)("where members must confirm, one that says %s is not good", (confirmed) => {
  const countersignature = { ...signed, confirmed };
  expect(lacksOf(found(PROVEN), [countersignature], policy("quorum", "required"))).toEqual([
    { code: "not-confirmed", reason: `not confirmed by members: ${confirmed ?? "not asked"}` },
  ]);
  for (const confirm of ["wanted", "off"] as const)
    expect(lacksOf(found(PROVEN), [countersignature], policy("quorum", confirm))).toEqual([]);
});

test("what members confirmed once stays so, also where a later verification was too late", () => {
  const [members, late] = [{ ...signed, confirmed: "members" } as const, { ...signed, confirmed: "too late" } as const];
  expect(lacksOf(found(PROVEN), [members, late], policy("quorum", "required"))).toEqual([]);
  expect(lacksOf(found(PROVEN), [late], policy("quorum", "required"))).toHaveLength(1);
});

test("a confirmation of another manifest, or a word of a later version, counts for nothing", () => {
  const required = policy("quorum", "required");
  expect(lacksOf(found(PROVEN), [{ ...ofAnother, confirmed: "members" }, signed], required)).toMatchObject([{ code: "not-confirmed" }]);
  expect(lacksOf(found(PROVEN), [{ ...signed, confirmed: "witnesses" as "members" }], required)).toEqual([
    { code: "not-confirmed", reason: "not confirmed by members: witnesses (of a later version)" },
  ]);
  expect(lacksOf(found(PROVEN), [], required)).toEqual([NOT_COUNTERSIGNED]);
});
