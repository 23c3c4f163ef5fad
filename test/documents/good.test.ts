import { expect, test } from "vitest";
import { lacksOf } from "../../shared/documents/good.ts";
import type { Manifest } from "../../shared/documents/manifest.ts";
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
const NOT_COUNTERSIGNED = { code: "not-countersigned", reason: "not countersigned" };

test("countersigned, proven and not in quarantine is good", () => {
  expect(lacksOf(found(PROVEN), [ofAnother, signed], "quorum")).toEqual([]);
  expect(lacksOf(found(PROVEN), [signed], undefined)).toEqual([]);
});

test("without a countersignature of this very manifest it is not", () => {
  expect(lacksOf(found(PROVEN), [], "quorum")).toEqual([NOT_COUNTERSIGNED]);
  expect(lacksOf(found(PROVEN), [ofAnother], "quorum")).toEqual([NOT_COUNTERSIGNED]);
});

test("a countersignature makes nothing proven, and frees nothing from quarantine", () => {
  const reasons = ["an alarm says it is corrupt", "no leader"];
  expect(lacksOf(found(UNPROVEN, { reasons }), [signed], "quorum")).toEqual([
    { code: "unproven", reason: "unproven: 1 of 3 agrees" },
    { code: "quarantine", reason: "in quarantine: an alarm says it is corrupt; no leader" },
  ]);
  expect(lacksOf(found(PROVEN, { reasons: ["no leader"] }), [], "off").map(({ code }) => code)).toEqual([
    "not-countersigned",
    "quarantine",
  ]);
});

test.each([["off"], [undefined]] as const)("agreement off counts where the configuration says %s", (configured) => {
  expect(lacksOf(found(OFF), [signed], configured)).toEqual([]);
});

test.each([["quorum"], ["all"], ["one"]] as const)("the writer's word that the proof is off is not taken against %s", (configured) => {
  expect(lacksOf(found(OFF), [signed], configured)).toEqual([
    { code: "unproven", reason: `unproven: its manifest says agreement off, and the configuration asks for ${configured}` },
  ]);
});

test("the configuration alone turns no unproven snapshot into a good one", () => {
  expect(lacksOf(found(UNPROVEN), [signed], "off")).toEqual([{ code: "unproven", reason: "unproven: 1 of 3 agrees" }]);
});
