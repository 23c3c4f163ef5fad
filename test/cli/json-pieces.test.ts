import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonPieces } from "../../cli/json-pieces.ts";

const whole = (document: object): string => [...jsonPieces(document)].join("");

test("is what JSON.stringify gives, whatever the document is", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (document) => {
      expect(whole(document)).toBe(`${JSON.stringify(document, undefined, 2)}\n`);
    }),
  );
});

test("leaves out what has no value, as JSON does", () => {
  const document = { a: undefined, b: [undefined, 1, { c: undefined }], d: null, e: [], f: "line\nend" };
  expect(whole(document)).toBe(`${JSON.stringify(document, undefined, 2)}\n`);
  expect(whole({})).toBe("{}\n");
  expect(whole({ a: undefined })).toBe("{}\n");
  expect(whole([1, { a: [2] }])).toBe('[\n  1,\n  {\n    "a": [\n      2\n    ]\n  }\n]\n');
});

test("a long list comes in pieces, none of them much longer than 64 KiB", () => {
  const document = { rows: Array.from({ length: 5000 }, (_, index) => ({ index, text: "x".repeat(100) })) };
  const pieces = [...jsonPieces(document)];
  expect(pieces.length).toBeGreaterThan(5);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(66_000);
  expect(pieces.join("")).toBe(`${JSON.stringify(document, undefined, 2)}\n`);
});

test("a list may be made item by item, and none is made before the ones before it were taken", () => {
  const made: number[] = [];
  const rows = function* (count: number): Generator<object> {
    for (let index = 0; index < count; index++) {
      made.push(index);
      yield { index, text: "x".repeat(40_000) };
    }
  };
  const pieces = jsonPieces({ rows: rows(100) });
  pieces.next();
  expect(made.length).toBeLessThan(5);
  pieces.return();
  const document = { before: 1, rows: [...rows(3)], none: [], after: "x" };
  expect(whole({ ...document, rows: rows(3), none: rows(0) })).toBe(`${JSON.stringify(document, undefined, 2)}\n`);
});
