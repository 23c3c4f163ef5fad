import { expect, test } from "vitest";
import { refusalOf } from "../../cli/node-version.ts";
import packageJson from "../../package.json" with { type: "json" };

test.each(["22.15.0", "22.21.1", "23.8.0", "24.0.0", "24.21.0", "26.1.0"])("Node %s is taken", (version) => {
  expect(refusalOf(version)).toBeUndefined();
});

test.each([
  ["18.20.8", "22.15"],
  ["20.20.2", "22.15"],
  ["21.7.3", "22.15"],
  ["22.14.0", "22.15"],
  ["23.7.0", "23.8"],
])("Node %s is refused, and the first that is taken is named", (version, first) => {
  expect(refusalOf(version)).toBe(`Node.js ${first} or later is needed; this is ${version}`);
});

test("it is what the package asks npm for", () => {
  expect(packageJson.engines.node).toBe("^22.15.0 || >=23.8.0");
});
