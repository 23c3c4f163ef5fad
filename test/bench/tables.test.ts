import { describe, expect, test } from "vitest";
import type { Run } from "../../bench/contest.ts";
import { reportOf } from "../../bench/report.ts";
import { median, rotated } from "../../bench/statistics.ts";
import { parseOptions } from "../../bench/options.ts";
import { startupReport } from "../../bench/startup.ts";
import type { Usage } from "../../bench/measure.ts";

describe("the median", () => {
  test.each([
    [[3], 3],
    [[5, 1, 3], 3],
    [[10, 9, 2, 1], 5.5],
    [[100, 2, 10], 10],
  ])("of %j is %d", (values, middle) => {
    expect(median(values)).toBe(middle);
  });

  test("of nothing is an error", () => {
    expect(() => median([])).toThrow("no values have no median");
  });
});

test("turns begin at another contestant each round, and nobody is left out", () => {
  expect([0, 1, 2, 3].map((round) => rotated(["a", "b", "c"], round).join(""))).toEqual(["abc", "bca", "cab", "abc"]);
  expect(rotated([], 5)).toEqual([]);
});

test("the report has medians, and its ratio leaves out what only one contestant asks for", () => {
  const run = (wallSeconds: number, hashKvSeconds = 0): Run => ({
    wallSeconds,
    hashKvSeconds,
    cpuSeconds: 2,
    peakRssKib: 1000,
    etcdCpuSeconds: 1,
    proxyCpuSeconds: 0,
    storedBytes: 5_000_000,
  });
  const table = reportOf("200", "plain", [
    { contestant: "save", name: "save", runs: [run(4), run(9), run(5)] },
    { contestant: "lifeboat", name: "lifeboat", runs: [run(6, 1), run(5, 2), run(20, 10)] },
  ]);
  const cells = table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  expect(cells[0]?.slice(1, 6)).toEqual(["200 MB, plain", "wall", "from-to", "HashKV", "ratio"]);
  expect(cells[2]?.slice(1, 6)).toEqual(["save", "5.00", "4.00-9.00", "0.00", "1.00"]);
  // 5, 3 and 10 seconds of its own.
  expect(cells[3]?.slice(1, 6)).toEqual(["lifeboat", "6.00", "5.00-20.00", "2.00", "1.00"]);
});

test("what starting takes is held against the last build", () => {
  const runs = (...cpu: readonly number[]): readonly Usage[] =>
    cpu.map((cpuSeconds) => ({ cpuSeconds, wallSeconds: 2 * cpuSeconds, peakRssKib: 1000 }));
  const table = startupReport([
    { command: "--help", build: "this", runs: runs(0.1, 0.4, 0.2) },
    { command: "ls", build: "this", runs: runs(0.3) },
    { command: "--help", build: "base", runs: runs(0.8, 0.7, 0.9) },
    { command: "ls", build: "base", runs: runs(0.6) },
  ]);
  const cells = table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  expect(cells[2]?.slice(1, 8)).toEqual(["--help", "this", "0.400", "0.25", "0.200", "0.25", "1"]);
  expect(cells[3]?.slice(1, 8)).toEqual(["ls", "this", "0.600", "0.50", "0.300", "0.50", "1"]);
  expect(cells[4]?.slice(1, 8)).toEqual(["--help", "base", "1.600", "1.00", "0.800", "1.00", "1"]);
});

test("start-up is timed with small databases beside it, and by name only", () => {
  expect(parseOptions([])).toMatchObject({ startup: false, sizes: ["200", "1600"], base: undefined });
  expect(parseOptions(["--only", "startup", "--base", "../before"])).toMatchObject({
    startup: true,
    base: "../before",
    sizes: ["35", "200"],
    ways: ["plain"],
    contestants: ["save", "lifeboat"],
    backups: true,
    status: false,
  });
  expect(parseOptions(["--only", "startup,tls", "--size", "35"])).toMatchObject({ sizes: ["35"], ways: ["tls"] });
});

test.each([
  [["--runs", "0"], "--runs 0 is not a number of runs"],
  [["--snapshots", "none"], "--snapshots none is not a number of snapshots"],
  [["--runs", "two"], "--runs two is not a number of runs"],
  [["--only", "velero"], "--only velero is neither a way nor a contestant"],
  [["--size", "7"], "--size 7 is none of 35, 200, 1600"],
])("%j is refused", (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});
