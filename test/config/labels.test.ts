import { expect, test } from "vitest";
import { clustersWith, hasLabels, labelsOf, labelsText, parseLabels } from "../../shared/config/labels.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { policyDigests } from "../../shared/config/policy-digests.ts";
import type { Config } from "../../shared/config/schema.ts";

function configWith(labels: Readonly<Record<string, string>>): Config {
  const clusters = Object.entries(labels).map(([name, text]) => `  ${name}: { endpoints: ["https://10.0.0.1:2379"], labels: ${text} }\n`);
  return parseConfig(
    `version: 1\nstore: { kind: directory, path: ./vault }\nkeys: { kind: local, path: ./keys }\nclusters:\n${clusters.join("")}`,
    "lifeboat.yaml",
  );
}

const FLEET = configWith({ one: "{ team: a, env: live }", two: "{ team: b }", three: "{ team: a }", bare: "{}" });

test("labels are told by name, in order, and none of a cluster that is not there", () => {
  expect(labelsText(labelsOf(FLEET, "one"))).toBe("env=live,team=a");
  expect(labelsOf(FLEET, "bare")).toEqual({});
  expect(labelsOf(FLEET, "toString")).toEqual({});
});

test("clusters are selected by all of the labels that are asked for", () => {
  expect(clustersWith(FLEET, parseLabels(["team=a"]), "lifeboat.yaml")).toEqual(["one", "three"]);
  expect(clustersWith(FLEET, parseLabels(["team=a", "env=live", "team=a"]), "lifeboat.yaml")).toEqual(["one"]);
  expect(hasLabels({}, { constructor: "a" })).toBe(false);
});

test("a label that no cluster has is an error that names those that there are", () => {
  expect(() => clustersWith(FLEET, { team: "c" }, "lifeboat.yaml")).toThrow(
    expect.objectContaining({ message: "no cluster of lifeboat.yaml has the label team=c", hint: "there are env=live, team=a, team=b" }),
  );
  expect(() => clustersWith(configWith({ bare: "{}" }), { a: "b", c: "d" }, "x.yaml")).toThrow(
    expect.objectContaining({
      message: "no cluster of x.yaml has the labels a=b,c=d",
      hint: "give clusters labels in x.yaml: labels: { team: a }",
    }),
  );
});

test.each(["team", "=a", "team=", "te am=a", "team=a,b", 'team="a"', "1st=a", "__name__=a"])("%s is no label", (text) => {
  expect(() => parseLabels([text])).toThrow(`--label "${text}" is no label`);
});

test("two values of one label are no selection", () => {
  expect(() => parseLabels(["team=a", "team=b"])).toThrow("--label team=a and --label team=b: no cluster has both");
});

test.each([
  ["{ cluster: a }", "a label cannot be called cluster, job, instance, le, quantile"],
  ["{ __meta: a }", "a label's name is one of Prometheus'"],
  ["{ app.kubernetes.io/name: a }", "a label's name is one of Prometheus'"],
  ["{ team: '' }", "a label's value has"],
  ["{ team: 'a,b' }", "a label's value has"],
  ["{ team: 1 }", "expected text, found 1"],
  [`{ ${Array.from({ length: 17 }, (_, index) => `l${index}: a`).join(", ")} }`, "at most 16 labels"],
])("labels: %s is refused", (text, message) => {
  expect(() => configWith({ one: text })).toThrow(message);
});

test("labels change no digest of the policy: they decide nothing about a backup", () => {
  expect(policyDigests(configWith({ one: "{ team: a }" }), "one")).toEqual(policyDigests(configWith({ one: "{}" }), "one"));
});
