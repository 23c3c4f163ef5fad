import { expect, test } from "vitest";
import { parseKeyValues, plainText, renderKeyValues } from "../../shared/bundle/key-values.ts";

test("gives back what was written", () => {
  const values = [
    ["A", "1"],
    ["EMPTY", ""],
    ["WITH_EQUALS", "a=b=c="],
    ["BLANKS", "a  b c"],
    ["QUOTES", `'"$(rm -rf /)\`\\`],
  ] as const;
  const bytes = renderKeyValues(values);
  expect(Buffer.from(bytes).toString()).toBe(`A=1\nEMPTY=\nWITH_EQUALS=a=b=c=\nBLANKS=a  b c\nQUOTES='"$(rm -rf /)\`\\\n`);
  expect([...parseKeyValues(bytes, "plan")]).toEqual(values.map(([key, value]) => [key, value]));
});

test.each([
  ["a line break", "A", "1\nB=2"],
  ["a carriage return", "A", "1\r"],
  ["a zero byte", "A", "1\u{0}"],
  ["a letter beyond ASCII", "A", "ä"],
  ["a blank at its end", "A", "1 "],
  ["a blank at its beginning", "A", " 1"],
  ["a key of small letters", "a", "1"],
  ["a key with a blank", "A B", "1"],
  ["too long a line", "A", "x".repeat(4096)],
])("does not write %s", (_what, key, value) => {
  expect(() => renderKeyValues([[key, value]])).toThrow(/cannot be written/);
});

test("does not write a key twice", () => {
  expect(() =>
    renderKeyValues([
      ["A", "1"],
      ["A", "2"],
    ]),
  ).toThrow(/twice/);
});

test.each([
  ["no line break at its end", "A=1"],
  ["an empty line", "A=1\n\nB=2\n"],
  ["a comment", "# A=1\n"],
  ["a line without =", "A\n"],
  ["CR LF", "A=1\r\n"],
  ["a zero byte", "A=1\u{0}\n"],
  ["export", "export A=1\n"],
  ["a key twice", "A=1\nA=2\n"],
  ["a letter beyond ASCII", "A=\u{e4}\n"],
  ["too much", `A=${"x".repeat(4000)}\n`.repeat(20)],
])("does not read %s", (_what, text) => {
  expect(() => parseKeyValues(Buffer.from(text, "latin1"), "plan")).toThrow(/plan is not KEY=value lines/);
});

test("makes one line of any text", () => {
  expect(plainText(" größer\nals\u{0}b  ")).toBe("gr?er?als?b");
  expect(plainText("x".repeat(9999))).toHaveLength(2048);
});
