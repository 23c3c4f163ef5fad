import { describe, expect, test } from "vitest";
import { MOST_OTHERS, MOST_ROWS } from "../../../shared/documents/catalog.ts";
import { planMerge } from "../../../shared/vault/segments/merge.ts";
import type { Weighed } from "../../../shared/vault/segments/merge.ts";

const of = (...standing: readonly number[]): readonly Weighed[] => standing.map((each, index) => ({ id: `s${index}`, standing: each }));
const ids = (segments: readonly Weighed[]): readonly string[] => segments.map(({ id }) => id);

describe("a new segment", () => {
  test("takes in what is up to twice its size, the smallest first", () => {
    const { merged, others } = planMerge(of(33, 16, 200), 16);
    // 16 and 16 are 32, and 33 is no more than twice that; 200 is more than twice 65.
    expect([ids(merged), ids(others)]).toEqual([["s1", "s0"], ["s2"]]);
  });

  test("leaves a larger one alone", () => expect(ids(planMerge(of(33), 16).others)).toEqual(["s0"]));

  test("forgets those of which nothing stands", () => expect(planMerge(of(0, 0), 16)).toEqual({ merged: [], others: [] }));

  test("becomes no larger than a segment may be", () => {
    const { merged, others } = planMerge(of(MOST_ROWS - 16, MOST_ROWS - 15), 500);
    expect([ids(merged), ids(others)]).toEqual([[], ["s0", "s1"]]);
    expect(ids(planMerge(of(MOST_ROWS - 500), 500).merged)).toEqual(["s0"]);
  });

  test("names no more others than it may", () => {
    const { others } = planMerge(of(...Array.from({ length: MOST_OTHERS + 3 }, () => 900)), 200);
    expect(others).toHaveLength(MOST_OTHERS);
  });
});

test("over ten thousand backups there are few segments, and each row is written a few times", () => {
  let segments: Weighed[] = [];
  let written = 0;
  let most = 0;
  for (let batch = 0; batch < 625; batch++) {
    const { merged, others } = planMerge(segments, 16);
    const standing = merged.reduce((sum, each) => sum + each.standing, 16);
    written += standing;
    segments = [...others, { id: `s${batch}`, standing }];
    most = Math.max(most, segments.filter((each) => each.standing < MOST_ROWS / 2).length);
  }
  expect(segments.reduce((sum, { standing }) => sum + standing, 0)).toBe(10_000);
  expect(most).toBeLessThanOrEqual(7);
  expect(written / 10_000).toBeLessThanOrEqual(7);
});
