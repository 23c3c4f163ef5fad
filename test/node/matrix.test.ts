import { expect, test } from "vitest";
import { ALL_CASES, pairsOf, pairwise } from "./suites/matrix.ts";

test("the chosen cases have every pair of values that any case has, and are few", () => {
  const chosen = pairwise(ALL_CASES);
  const pairs = new Set(chosen.flatMap(pairsOf));
  const values = {
    layout: ["static-pod", "systemd", "bare"],
    version: ["3.4", "3.5", "3.6", "3.7"],
    members: [1, 3],
    security: ["plain", "tls", "auth"],
    way: ["all", "join"],
  };
  const factors = Object.entries(values);
  const wanted = factors.flatMap(([first, ones], index) =>
    factors
      .slice(index + 1)
      .flatMap(([second, others]) => ones.flatMap((one) => others.map((other) => `${first}=${one} ${second}=${other}`))),
  );
  expect(wanted.filter((pair) => !pairs.has(pair))).toEqual(["members=1 way=join"]);
  expect(new Set(chosen).size).toBe(chosen.length);
  expect(chosen.length).toBeLessThanOrEqual(16);
  expect(ALL_CASES).toHaveLength(3 * 4 * 3 * 3);
});
