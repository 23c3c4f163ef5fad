import { expect, test } from "vitest";
import { judgeClock } from "../../../shared/jobs/doctor/check-clock.ts";

const judge = (skewMs: number, uncertaintyMs = 500): readonly string[] =>
  judgeClock("store", "s3://vault/", { skewMs, uncertaintyMs }).map(({ severity, message }) => `${severity}: ${message}`);

test("half a minute is warned of, five minutes are a problem, either way", () => {
  expect(judge(0)).toEqual([]);
  expect(judge(30_000)).toEqual([]);
  expect(judge(-31_000)).toEqual(["warning: this machine's clock is 31 s ahead of that of s3://vault/"]);
  expect(judge(299_000)).toEqual(["warning: this machine's clock is 299 s behind that of s3://vault/"]);
  expect(judge(3_600_000)).toEqual([
    "problem: this machine's clock is 3600 s behind that of s3://vault/: AWS refuses requests that are 5 minutes off",
  ]);
});

test("a slow answer proves nothing", () => {
  expect(judge(40_000, 20_000)).toEqual([]);
  expect(judge(310_000, 20_000)).toEqual(["warning: this machine's clock is 310 s behind that of s3://vault/"]);
});
