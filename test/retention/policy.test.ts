import { expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { policyWarnings } from "../../shared/retention/policy.ts";
import { prunePolicyOf } from "../../shared/wire/prune-policy.ts";

function policyFrom(retention: string) {
  const text = `version: 1
store: { kind: directory, path: ./vault }
keys: { kind: local, path: ./keys }
clusters:
  prod: { endpoints: ["https://a:2379"], timeZone: Europe/Berlin, retention: ${retention} }
`;
  return prunePolicyOf({ config: parseConfig(text, "lifeboat.yaml"), file: "lifeboat.yaml", directory: "/" }, "prod").policy.retention;
}

test("is the cluster's retention in the cluster's time zone", () => {
  expect(policyFrom("{ daily: 14, minAge: 36h }")).toEqual({
    latest: 3,
    hourly: 24,
    daily: 14,
    weekly: 4,
    monthly: 12,
    annual: 1,
    minAge: 129_600_000,
    keepUnverified: 604_800_000,
    timeZone: "Europe/Berlin",
  });
});

test("a least age below a day is taken, with a warning", () => {
  expect(policyWarnings("prod", policyFrom("{ minAge: 90m }"))).toEqual([
    "retention.minAge of prod is 90m, less than 1d: what is removed does not come back, since the slot of a removed snapshot is never taken again",
  ]);
  expect(policyWarnings("prod", policyFrom("{ minAge: 24h }"))).toEqual([]);
});
