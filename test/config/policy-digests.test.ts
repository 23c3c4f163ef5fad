import { expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { policyDigests } from "../../shared/config/policy-digests.ts";

const RECIPIENTS = [(await newIdentity()).recipient, (await newIdentity()).recipient];

function digests(change: (text: string) => string = (text) => text): Readonly<Record<string, string>> {
  const text = `version: 1
store: { kind: directory, path: ./vault }
keys: { kind: local, path: ./keys }
breakGlass: [${RECIPIENTS.join(", ")}]
trustedKeys: { snapshot: ["sha256:${"a".repeat(64)}"] }
clusters:
  prod: { endpoints: ["https://a:2379", "https://b:2379"], agreement: quorum, rpo: 2h }
`;
  return policyDigests(parseConfig(change(text), "lifeboat.yaml"), "prod");
}

test("are the same whatever the order of lists and settings, and where the store lies", () => {
  const other = digests((text) =>
    text
      .replace(RECIPIENTS.join(", "), RECIPIENTS.toReversed().join(", "))
      .replace('"https://a:2379", "https://b:2379"', '"https://b:2379", "https://a:2379"')
      .replace("agreement: quorum, rpo: 2h", "rpo: 2h, agreement: quorum")
      .replace("./vault", "./elsewhere"),
  );
  expect(other).toEqual(digests());
});

test.each([
  ["breakGlass", (text: string) => text.replace(`, ${RECIPIENTS[1]}`, "")],
  ["trustedKeys", (text: string) => text.replace("a".repeat(64), "b".repeat(64))],
  ["cluster", (text: string) => text.replace("agreement: quorum", "agreement: off")],
  ["store", (text: string) => text.replace("{ kind: directory, path: ./vault }", "{ kind: s3, bucket: another, region: eu-central-1 }")],
  [
    "keys",
    (text: string) =>
      text.replace(
        "{ kind: local, path: ./keys }",
        "{ kind: kms, wrap: alias/w, sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b }, region: eu-central-1 }",
      ),
  ],
  ["replicas", (text: string) => `${text}replicas: [{ name: offsite, store: { kind: directory, path: ./other } }]\n`],
] as const)("%s alone differs where it was changed", (section, change) => {
  const [before, after] = [digests(), digests(change)];
  expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual([section]);
});

test("a configuration without the cluster says nothing of it", () => {
  expect(Object.keys(digests((text) => text.replace("prod:", "other:")))).toEqual([
    "breakGlass",
    "trustedKeys",
    "replicas",
    "store",
    "keys",
  ]);
});

test("settings of retention that earlier versions did not know count only where they are not at their defaults", () => {
  const withRetention = (retention: string): string | undefined =>
    digests((text) => text.replace("rpo: 2h", `rpo: 2h, retention: { ${retention} }`))["cluster"];
  expect(withRetention("minAge: 1d, keepUnverified: 7d")).toBe(digests()["cluster"]);
  const changed = ["minAge: 2d", "keepUnverified: 8d", "daily: 8"].map(withRetention);
  expect(new Set([...changed, digests()["cluster"]]).size).toBe(4);
});

test("the digest of a cluster is the one that earlier versions put in their logs", () => {
  expect(digests()["cluster"]).toBe("sha256:1658ec58c08fddeb6ed44d4b2200e17e47a4c4677de9a0d69e4c1d06d6233d9f");
});

test("verify counts where it is set, and its default does not", () => {
  const withVerify = (verify: string): string | undefined =>
    digests((text) => text.replace("rpo: 2h", `rpo: 2h, verify: ${verify}`))["cluster"];
  for (const same of ["{}", "{ confirm: wanted }"]) expect(withVerify(same)).toBe(digests()["cluster"]);
  const changed = ["{ confirm: required }", "{ confirm: off }", "{ endpoints: ['https://c:2379'] }"].map(withVerify);
  expect(new Set([...changed, digests()["cluster"]]).size).toBe(4);
});
