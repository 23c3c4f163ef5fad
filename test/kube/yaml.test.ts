import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { toYaml } from "../../shared/kube/yaml.ts";

/** That Kubernetes' own reader takes it is seen in kube-apiserver.exhaustive.test.ts. */

const WORDS = [
  "yes",
  "no",
  "on",
  "y",
  "null",
  "~",
  "",
  "<<",
  "=",
  "0o17",
  "017",
  "0x1f",
  "1e3",
  "1_000",
  "1:30",
  "2001-12-14",
  ".inf",
  " a ",
  "- a",
  "a: b",
  "#",
  "a\n",
  "\ta\nb",
];

describe("YAML of an object", () => {
  test("has its keys in order, as kubectl's", () => {
    const object = { kind: "Pod", apiVersion: "v1", spec: { b: [{ d: 1, c: [] }], a: {} }, metadata: { name: "web" } };
    expect(toYaml(object)).toBe("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  a: {}\n  b:\n    - c: []\n      d: 1\n");
  });

  test("is read as it was, by rules of YAML 1.1 and of 1.2", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...WORDS));
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: "small" },
        text,
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
        tie("list"),
        tie("map"),
      ),
      list: fc.array(tie("any"), { maxLength: 4 }),
      map: fc.dictionary(text, tie("any"), { maxKeys: 4, noNullPrototype: true }),
    }));
    fc.assert(
      fc.property(value.map, (map) => {
        // -0 is 0 in JSON.
        const object = JSON.parse(JSON.stringify(map)) as Record<string, unknown>;
        const yaml = toYaml(object);
        expect(parse(yaml)).toEqual(object);
        expect(parse(yaml, { version: "1.1", merge: false })).toEqual(object);
      }),
      { numRuns: 300 },
    );
  });

  test("holds nothing that moves a terminal or hides", () => {
    const hidden = [
      "\u001b[31m",
      "\u009b31m",
      "\u0007",
      "\u007f",
      "\u0085",
      "\u2028",
      "\u202e",
      "\u200b",
      "\ufeff",
      "\r",
      "\ud800",
      "\u0000",
    ];
    const object = { data: Object.fromEntries(hidden.map((text, index) => [`k${index}${text}`, `before${text}\nafter`])) };
    const yaml = toYaml(object);
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    expect(yaml).toMatch(/^[\n\u0020-\u007e]*$/);
    expect(parse(yaml)).toEqual(object);
  });

  test("says a text of several lines as a block, and each object in full", () => {
    const shared = { a: 1 };
    expect(toYaml({ text: "one\ntwo\n", first: shared, second: shared })).toBe("first:\n  a: 1\nsecond:\n  a: 1\ntext: |\n  one\n  two\n");
  });

  test("of 512 levels is written", () => {
    let deep: object = {};
    for (let level = 0; level < 512; level++) deep = { deep };
    expect(toYaml({ deep }).split("\n").length).toBeGreaterThan(500);
  });
});
