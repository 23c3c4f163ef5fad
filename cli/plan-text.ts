import type { ClusterConfig } from "../shared/config/schema.ts";
import type { ClusterForecast } from "../shared/jobs/prune/forecast-cluster.ts";
import type { ForecastPoint } from "../shared/jobs/prune/forecast.ts";
import { durationText } from "../shared/retention/duration-text.ts";
import { formatBytes } from "./format.ts";

/** A bar for each point, then what it comes to and what it was reckoned from. `width`: of the terminal; undefined in a pipe. */
export function planText(cluster: string, schedule: ClusterConfig["schedule"], forecast: ClusterForecast, width = 80): string {
  const { points, growth, backups } = forecast;
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) throw new Error("a forecast has points");
  const removed = points.reduce((sum, each) => sum + each.removed, 0);
  const size = `each ${formatBytes(growth.bytes)}${growth.bytesPerDay === 0 ? "" : `, growing by ${formatBytes(growth.bytesPerDay)} a day`}`;
  return [
    ...chart(points, width),
    "",
    `${cluster} now: ${summary(first)}`,
    `${cluster} on ${dateOf(last)}: ${summary(last)}`,
    `until then ${count(backups, "backup")} (${scheduleText(schedule)}), and ${count(removed, "snapshot")} ${removed === 1 ? "goes" : "go"}`,
    `${size} (${growth.reason})`,
  ].join("\n");
}

function chart(points: readonly ForecastPoint[], width: number): readonly string[] {
  const rows = points.map((each) => [dateOf(each), String(each.snapshots), formatBytes(each.bytes)] as const);
  const [numbers, sizes] = [
    Math.max("SNAPSHOTS".length, ...rows.map(([, snapshots]) => snapshots.length)),
    Math.max("SIZE".length, ...rows.map(([, , size]) => size.length)),
  ];
  const line = (date: string, snapshots: string, size: string): string =>
    `${date.padEnd(10)}  ${snapshots.padStart(numbers)}  ${size.padStart(sizes)}`;
  const head = line("DATE", "SNAPSHOTS", "SIZE");
  const room = Math.max(1, Math.min(width, 120) - head.length - 2);
  const most = Math.max(1, ...points.map(({ bytes }) => bytes));
  return [
    head,
    ...rows.map((row, index) => `${line(...row)}  ${"#".repeat(Math.round(((points[index]?.bytes ?? 0) / most) * room))}`.trimEnd()),
  ];
}

function dateOf({ time }: ForecastPoint): string {
  return new Date(time).toISOString().slice(0, 10);
}

function summary({ snapshots, bytes }: ForecastPoint): string {
  return `${count(snapshots, "snapshot")}, ${formatBytes(bytes)}`;
}

function scheduleText(schedule: ClusterConfig["schedule"]): string {
  return "rate" in schedule ? `one every ${durationText(schedule.rate)}` : `at "${schedule.cron}", ${schedule.timeZone}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
