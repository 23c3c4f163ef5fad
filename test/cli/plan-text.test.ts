import { expect, test } from "vitest";
import { planText } from "../../cli/plan-text.ts";
import type { ClusterForecast } from "../../shared/jobs/prune/forecast-cluster.ts";

const MIB = 1024 ** 2;
const at = (date: string, snapshots: number, mib: number, added = 0, removed = 0) => ({
  time: Date.parse(date),
  snapshots,
  bytes: mib * MIB,
  added,
  removed,
});

const FORECAST: ClusterForecast = {
  now: Date.parse("2026-11-28T10:10:00Z"),
  step: "month",
  points: [
    at("2026-11-28T10:10:00Z", 1440, 1440),
    at("2026-12-01T10:10:00Z", 33, 33, 72, 1479),
    at("2027-01-01T10:10:00Z", 36, 40, 744, 741),
  ],
  growth: { bytes: MIB, since: 0, bytesPerDay: 2048, basis: "trend", reason: "the trend of 720 good snapshots over 30 days" },
  backups: 816,
  frozen: [],
};

test("a bar for each point, and what it was reckoned from", () => {
  expect(planText("prod", { rate: 3_600_000 }, FORECAST)).toBe(
    `DATE        SNAPSHOTS      SIZE
2026-11-28       1440   1.4 GiB  ${"#".repeat(47)}
2026-12-01         33  33.0 MiB  #
2027-01-01         36  40.0 MiB  #

prod now: 1440 snapshots, 1.4 GiB
prod on 2027-01-01: 36 snapshots, 40.0 MiB
until then 816 backups (one every 1h), and 2220 snapshots go
each 1.0 MiB, growing by 2.0 KiB a day (the trend of 720 good snapshots over 30 days)`,
  );
});

test.each([40, 80, 200, undefined])("no line of the chart is wider than a terminal of %s columns", (width) => {
  const [chart = ""] = planText("prod", { cron: "0 2 * * *", timeZone: "Europe/Berlin" }, FORECAST, width).split("\n\n");
  for (const line of chart.split("\n")) expect(line.length).toBeLessThanOrEqual(width ?? 80);
});
