import { expect, test } from "vitest";
import { summarize } from "../../cli/summary.ts";

const untrusted = (id: number): Parameters<typeof summarize>[0][number] => ({
  subject: `prod/${id}`,
  key: `clusters/prod/snapshots/${id}.json`,
  code: "verify/untrusted",
  message: `clusters/prod/snapshots/${id}.json is signed by sha256:ab, which is not trusted for purpose snapshot`,
});

test("one bad key gives one line, however much it signed", () => {
  const faults = Array.from({ length: 170 }, (_, id) => untrusted(id));
  expect(summarize(faults)).toEqual([
    "170 of them, the first prod/0, prod/1, prod/2: clusters/prod/snapshots/0.json is signed by sha256:ab, which is not trusted for purpose snapshot",
  ]);
});

test("other keys, codes and reasons are lines of their own, in the order in which they came", () => {
  const other = { ...untrusted(2), message: untrusted(2).message.replace("ab", "cd") };
  const altered = { ...untrusted(3), code: "verify/signature" };
  const lines = summarize([untrusted(1), other, altered, untrusted(4)]);
  expect(lines.map((line) => line.split(": clusters", 1)[0])).toEqual(["prod/1, prod/4", "prod/2", "prod/3"]);
});
