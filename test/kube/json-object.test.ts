import { expect, test } from "vitest";
import { readJsonObject } from "../../shared/kube/json-object.ts";

function nested(levels: number): string {
  return `{"apiVersion":"v1","kind":"A","a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
}

test("an object in JSON is read", () => {
  expect(readJsonObject(Buffer.from('{"apiVersion":"v1","kind":"A","size":9007199254740991,"part":1.5e300}\n'))).toEqual({
    raw: "is an object with a whole number beyond 2^53, which would be rounded",
  });
  expect(readJsonObject(Buffer.from('{"apiVersion":"v1","kind":"A","size":9007199254740991,"part":1.5}\n'))).toEqual({
    object: { apiVersion: "v1", kind: "A", size: 9_007_199_254_740_991, part: 1.5 },
  });
});

test.each([
  [
    "a number that would be rounded",
    '{"apiVersion":"v1","kind":"A","a":[{"b":9007199254740993}]}',
    "is an object with a whole number beyond 2^53, which would be rounded",
  ],
  ["512 levels too many", nested(600), "is an object nested more than 512 levels deep"],
  ["a million levels", nested(1_000_000), "is an object nested more than 512 levels deep"],
  ["no kind", '{"apiVersion":"v1"}', "is JSON without the apiVersion and kind of an object of Kubernetes"],
  ["a kind that is no text", '{"apiVersion":"v1","kind":5}', "is JSON without the apiVersion and kind of an object of Kubernetes"],
  ["no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), "begins as JSON and is none"],
  ["an end too soon", '{"apiVersion":"v1"', "begins as JSON and is none"],
])("what has %s stays as it is", (_, text, raw) => {
  expect(readJsonObject(Buffer.from(text))).toEqual({ raw });
});
