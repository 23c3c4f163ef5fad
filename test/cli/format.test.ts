import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ageText } from "../../shared/age-text.ts";
import { formatFields, formatTable, wrapText } from "../../cli/format.ts";

const HEAD = ["NAME", "SIZE", "WHEN"];
const ROWS = [
  ["prod/20261121T100000Z", "1.5 MiB", "2026-11-21 10:00:00Z"],
  ["prod/20261122T100000Z", "", "2026-11-22 10:00:00Z"],
];
const widest = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe("a table", () => {
  const whole = formatTable(HEAD, ROWS);

  test("is aligned and whole in a pipe, and where it just fits", () => {
    expect(whole).toBe(
      "NAME                   SIZE     WHEN\nprod/20261121T100000Z  1.5 MiB  2026-11-21 10:00:00Z\nprod/20261122T100000Z           2026-11-22 10:00:00Z",
    );
    expect(formatTable(HEAD, ROWS, { width: widest(whole), dispensable: ["WHEN"] })).toBe(whole);
  });

  test("loses dispensable columns in their order, and says which", () => {
    const narrow = formatTable(HEAD, ROWS, { width: widest(whole) - 1, dispensable: ["SIZE", "WHEN"] });
    expect(narrow.split("\n")[0]).toBe("NAME                   WHEN");
    expect(narrow).toMatch(/\n\nA wider terminal also shows SIZE; --json shows all\.$/);
    const narrower = formatTable(HEAD, ROWS, { width: 30, dispensable: ["SIZE", "WHEN"] });
    expect(narrower.split("\n\n")[0]).toBe("NAME\nprod/20261121T100000Z\nprod/20261122T100000Z");
  });

  test("becomes one row below the other where that does not do, empty cells left out", () => {
    expect(formatTable(HEAD, ROWS, { width: 40, dispensable: [] })).toBe(
      "prod/20261121T100000Z\n  SIZE  1.5 MiB\n  WHEN  2026-11-21 10:00:00Z\n\nprod/20261122T100000Z\n  WHEN  2026-11-22 10:00:00Z",
    );
  });

  test("shows control characters and does not obey them, in either form", () => {
    for (const width of [undefined, 10]) {
      const table = formatTable(["A", "B"], [["x\u001B[2J", "y\u0007 and more that is long"]], { width });
      for (const control of ["\u001B", "\u0007"]) expect(table).not.toContain(control);
      expect(table).toContain("x\\u001b[2J");
    }
  });
});

describe("text", () => {
  const digest = `sha256:${"ab".repeat(32)}`;

  test("in a pipe is left as it is", () => expect(wrapText("a ".repeat(100), undefined)).toBe("a ".repeat(100)));

  test("hangs below the value of a field", () => {
    expect(wrapText(formatFields([["members", "one, two, three, four"]]), 22)).toBe("members:  one, two,\n          three, four");
  });

  test("keeps a digest whole on a line of its own", () => {
    expect(wrapText(`snapshot digest:  ${digest}`, 80)).toBe(`snapshot digest:\n  ${digest}`);
    expect(wrapText(digest, 20)).toBe(digest);
  });

  test("loses nothing but the spaces where it breaks, and no line is longer than it must be", () => {
    const word = fc.stringMatching(/^[a-z:]{1,20}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), fc.integer({ min: 24, max: 100 }), (words, width) => {
        const wrapped = wrapText(words.join(" "), width);
        expect(wrapped.split(/\s+/)).toEqual(words);
        expect(widest(wrapped)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

test.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [7_200_000, "2 h"],
  [11_100_000, "3 h 5 min"],
  [2 * 86_400_000, "2 d"],
  [187_199_999, "2 d 3 h"],
])("an age of %i ms is %s", (ms, text) => expect(ageText(ms)).toBe(text));
