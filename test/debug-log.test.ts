import { expect, test } from "vitest";
import { causesOf, isDebugOn, openDebugLog } from "../shared/debug-log.ts";
import { LifeboatError } from "../shared/errors.ts";

function collected(): { readonly lines: string[]; readonly debug: ReturnType<typeof openDebugLog> } {
  const lines: string[] = [];
  return { lines, debug: openDebugLog((kind, line) => lines.push(`${kind}: ${line}`)) };
}

test("a text of several lines is as many lines of the log", () => {
  const { lines, debug } = collected();
  debug.log("cause", "one\ntwo");
  expect(lines).toEqual(["cause: one", "cause: two"]);
});

test("a private key over several lines is taken out before they are parted", () => {
  const { lines, debug } = collected();
  debug.log("cause", "bad: -----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY----- at 3");
  expect(lines).toEqual(["cause: bad: *** (a private key) at 3"]);
});

test("what was hidden never stands in a later line", () => {
  const { lines, debug } = collected();
  debug.hide("correct horse");
  debug.hide("abc");
  debug.log("etcd", "login of root with correct horse failed: abc");
  expect(lines).toEqual(["etcd: login of root with *** failed: abc"]);
});

test("causes are told from the outermost in, with codes and stacks", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const both = new AggregateError([refused], "");
  const text = causesOf(new LifeboatError("etcd/unreachable", "no way there", { cause: both }));
  const heads = text.split("\n").filter((line) => !/^\s+at /.test(line));
  expect(heads).toEqual([
    "LifeboatError (etcd/unreachable): no way there",
    "  caused by AggregateError: ",
    "    caused by Error (ECONNREFUSED): connect ECONNREFUSED",
  ]);
  expect(text).toContain("debug-log.test.ts");
});

test("a loop of causes ends, and what is no error is not printed whole", () => {
  const one = new Error("one");
  one.cause = new Error("two", { cause: one });
  expect(causesOf(one).match(/caused by/g)).toHaveLength(1);
  expect(causesOf({ password: "x" })).toBe("a thrown object");
});

test.each([
  ["1", true],
  ["yes", true],
  ["0", false],
  ["", false],
  [undefined, false],
] as const)("LIFEBOAT_DEBUG=%s is %s", (value, isOn) => {
  expect(isDebugOn(value)).toBe(isOn);
});
