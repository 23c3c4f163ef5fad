import { expect, test } from "vitest";
import { known, unknown } from "../../../../shared/audit/facts.ts";
import type { ClusterFacts, Line } from "../../../../shared/audit/facts.ts";
import { judge } from "../../../../shared/audit/judge.ts";
import { reportData } from "../../../../shared/contract/report.ts";
import { clusterReport } from "../../../../shared/jobs/audit/report/cluster.ts";
import { verdictIn } from "../../../../shared/jobs/audit/report/verdict.ts";
import { DAY, factsWith, HOUR, NOW, snapshotAt } from "../../../audit/facts.ts";

const HOURLY = { schedule: { rate: HOUR }, forecastMs: 60 * DAY };

function signedBefore(ms: number, change: (line: Line) => Line = (line) => line): ClusterFacts["verdict"] {
  const { verdict, lines } = judge(factsWith());
  return known({ at: NOW - ms, verdict, lines: lines.map(change) });
}

test("a cluster is as the contract has it", () => {
  const report = clusterReport(factsWith({ verdict: signedBefore(HOUR) }), HOURLY);
  expect(reportData.shape.clusters.element.safeParse(report).error?.issues).toBeUndefined();
  expect(report).toMatchObject({
    name: "prod",
    schedule: "every 1 h",
    stored: { snapshots: 4, good: 4, bytes: 16_000_000 },
    good: { ageMs: HOUR - 2000 },
  });
  expect(report.snapshots.map(({ tookMs }) => tookMs)).toEqual([2000, 2000, 2000, 2000]);
  expect(report.forecast?.points.at(-1)?.at).toBe(NOW + 60 * DAY);
});

test("a cluster that is stored alone has no verdict, no schedule and no forecast", () => {
  const report = clusterReport(factsWith({ policy: undefined }), { schedule: undefined, forecastMs: 60 * DAY });
  expect(report).toMatchObject({ isConfigured: false, rpoMs: null, schedule: null, forecast: null });
});

test("whether it is ready takes a signed verdict for what no store can tell", () => {
  expect(verdictIn(factsWith())).toMatchObject({ word: null, askedAt: null });
  expect(verdictIn(factsWith({ verdict: signedBefore(HOUR) }))).toMatchObject({ word: "ready", askedAt: NOW - HOUR });
  const dead = (line: Line): Line => (line.name === "keys" ? { ...line, answer: "no" } : line);
  expect(verdictIn(factsWith({ verdict: signedBefore(HOUR, dead) })).word).toBe("not ready");
});

test("what the end of the log does not tell is taken from the signed verdict, and nothing else of what is stored", () => {
  const untold = { canaries: unknown("only the whole custody log tells") };
  expect(verdictIn(factsWith({ ...untold, verdict: signedBefore(HOUR) })).word).toBe("ready");
  expect(
    verdictIn(factsWith({ ...untold, verdict: signedBefore(HOUR, (line) => (line.name === "drill" ? { ...line, answer: "no" } : line)) }))
      .word,
  ).toBe("ready");
  expect(
    verdictIn(
      factsWith({ ...untold, verdict: signedBefore(HOUR, (line) => (line.name === "break-glass" ? { ...line, answer: "no" } : line)) }),
    ).word,
  ).toBe("not ready");
});

test("a verdict of long ago says nothing of today", () => {
  expect(verdictIn(factsWith({ verdict: signedBefore(7 * DAY) })).word).toBe("ready");
  expect(verdictIn(factsWith({ verdict: signedBefore(7 * DAY + 1) }))).toMatchObject({ word: null, askedAt: null });
});

test("what is stored is judged anew, whatever was signed", () => {
  const old = factsWith({ snapshots: known([snapshotAt(9), snapshotAt(8)]), verdict: signedBefore(HOUR) });
  expect(verdictIn(old).word).toBe("ready with loss");
  const none = factsWith({ snapshots: known([]), newestGood: known(undefined), verdict: signedBefore(HOUR) });
  expect(verdictIn(none).word).toBe("not ready");
});

test("what is stored settles alone that a cluster is not ready, and never that it is", () => {
  const undrilled = factsWith({ drills: known([]) });
  expect(verdictIn(undrilled)).toMatchObject({ word: "not ready", askedAt: null });
  const old = factsWith({ snapshots: known([snapshotAt(9), snapshotAt(8)]) });
  expect(verdictIn(old).word).toBeNull();
});
