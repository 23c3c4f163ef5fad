import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unifiedHunks } from "../../../shared/jobs/look/line-diff.ts";

/** What `patch` makes of a text: it takes lines at the places that the hunks name, and nothing that does not fit. */
function patched(before: string, hunks: string): string {
  const lines = before.match(/[^\n]*\n|[^\n]+/g) ?? [];
  const result: string[] = [];
  let at = 0;
  const shown = hunks.match(/[^\n]*\n/g) ?? [];
  for (const [index, line] of shown.entries()) {
    const isCut = shown[index + 1]?.startsWith("\\") === true;
    const text = isCut ? line.slice(1, -1) : line.slice(1);
    const head = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$/m.exec(line);
    if (head !== null) {
      const first = Number(head[1]) - (head[2] === "0" ? 0 : 1);
      result.push(...lines.slice(at, first));
      at = first;
      expect(result).toHaveLength(Number(head[3]) - (head[4] === "0" ? 0 : 1));
    } else if (line.startsWith("+")) result.push(text);
    else if (!line.startsWith("\\")) {
      expect(lines[at++]).toBe(text);
      if (line.startsWith(" ")) result.push(text);
    }
  }
  return [...result, ...lines.slice(at)].join("");
}

/** By the table over all pairs. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, () => 0);
  for (const line of a) {
    const next = [0];
    for (const [index, other] of b.entries())
      next.push(line === other ? (row[index] ?? 0) + 1 : Math.max(row[index + 1] ?? 0, next[index] ?? 0));
    row = next;
  }
  return row.at(-1) ?? 0;
}

const text = fc
  .tuple(fc.array(fc.constantFrom("a", "b", "c", "", "-d", "@@ -1 +1 @@"), { maxLength: 40 }), fc.boolean())
  .map(([lines, isCut]) =>
    lines
      .map((line) => `${line}\n`)
      .join("")
      .slice(0, isCut ? -1 : undefined),
  );

describe("a unified diff", () => {
  test("makes the later text of the earlier one, with the fewest lines", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const hunks = unifiedHunks(before, after);
        const [was, is] = [before, after].map((each) => each.match(/[^\n]*\n|[^\n]+/g) ?? []);
        const changed = hunks.match(/^[-+]/gm)?.length ?? 0;
        expect(changed).toBe((was?.length ?? 0) + (is?.length ?? 0) - 2 * longestCommon(was ?? [], is ?? []));
        expect(patched(before, hunks)).toBe(after);
      }),
    );
  });

  test("is written as diff -u does", () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}\n`);
    const after = lines.with(3, "other\n").toSpliced(17, 1);
    expect(unifiedHunks(lines.join(""), after.join(""))).toBe(
      [
        "@@ -1,7 +1,7 @@\n line 1\n line 2\n line 3\n-line 4\n+other\n line 5\n line 6\n line 7\n",
        "@@ -15,6 +15,5 @@\n line 15\n line 16\n line 17\n-line 18\n line 19\n line 20\n",
      ].join(""),
    );
    expect(unifiedHunks("", "a\n")).toBe("@@ -0,0 +1 @@\n+a\n");
    expect(unifiedHunks("a\n", "a")).toBe("@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n");
    expect(unifiedHunks("a\n", "a\n")).toBe("");
  });

  test("of texts that have next to nothing in common replaces all between", () => {
    const [before, after] = ["x", "y"].map((sign) => Array.from({ length: 2000 }, (_, index) => `${sign}${index}\n`).join(""));
    const hunks = unifiedHunks(`first\n${before ?? ""}last\n`, `first\n${after ?? ""}last\n`);
    expect(hunks.startsWith("@@ -1,2002 +1,2002 @@\n first\n-x0\n-x1\n")).toBe(true);
    expect(patched(`first\n${before ?? ""}last\n`, hunks)).toBe(`first\n${after ?? ""}last\n`);
  });
});
