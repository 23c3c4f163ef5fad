import type { ClusterReport } from "../contract/report.ts";
import { ageText } from "../age-text.ts";
import { formatBytes } from "../format.ts";
import { lineChart } from "./chart-line.ts";
import { barChart, dotChart } from "./chart-marks.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { counted, DAY_MS, dayText, shortDuration } from "./words.ts";

/** The charts of one cluster: each with its newest value in words above it. */
export function figuresOf(cluster: ClusterReport, { isSmall }: { readonly isSmall: boolean }): readonly Markup[] {
  const size = { isSmall, mostPoints: isSmall ? 24 : 90 };
  return [
    database(cluster, size),
    revision(cluster, size),
    exposure(cluster, size),
    restores(cluster, size),
    durations(cluster, size),
    forecast(cluster, size),
  ];
}

interface Size {
  readonly isSmall: boolean;
  readonly mostPoints: number;
}

function figure(title: string, value: string, chart: Markup | string): Markup {
  const body = typeof chart === "string" ? markup`<p class="empty">${chart}</p>` : chart;
  return markup`<figure><figcaption><b>${title}</b> ${value}</figcaption>${body}</figure>`;
}

function database({ snapshots }: ClusterReport, size: Size): Markup {
  const points = snapshots.map(({ at, bytes: value }) => ({ at, value }));
  const [from, to] = [points[0], points.at(-1)];
  if (from === undefined || to === undefined || from.at === to.at)
    return figure("Database", "", "It takes two snapshots to see how it grows.");
  const label = `Size of the database from ${dayText(from.at)} to ${dayText(to.at)}: ${formatBytes(from.value)} to ${formatBytes(to.value)}`;
  return figure(
    "Database",
    formatBytes(to.value),
    lineChart({ ...size, label, points, unit: unitOf(to.value), format: formatBytes, isFilled: true }),
  );
}

function revision({ snapshots }: ClusterReport, size: Size): Markup {
  const points = snapshots.map(({ at, revision: value }) => ({ at, value }));
  const [from, to] = [points[0], points.at(-1)];
  if (from === undefined || to === undefined || from.at === to.at)
    return figure("Revision", "", "It takes two snapshots to see how it grows.");
  const perHour = Math.round(((to.value - from.value) / (to.at - from.at)) * 3_600_000);
  const label = `Revision from ${dayText(from.at)} to ${dayText(to.at)}: ${from.value} to ${to.value}`;
  const pace = perHour > 0 ? `, ${perHour.toLocaleString("en")} an hour` : "";
  return figure(
    "Revision",
    `${to.value.toLocaleString("en")}${pace}`,
    lineChart({ ...size, label, points, least: Math.min(...points.map(({ value }) => value)), format: shortCount }),
  );
}

function exposure({ exposure: days, rpoMs }: ClusterReport, size: Size): Markup {
  const points = days.map(({ day, worstMs: value }) => ({ at: day + DAY_MS / 2, value })).slice(size.isSmall ? -30 : -91);
  const [from, to] = [days.at(-points.length), days.at(-1)];
  if (from === undefined || to === undefined) return figure("Data at risk", "", "There was no good snapshot yet.");
  const over = rpoMs === null ? 0 : points.filter(({ value }) => value > rpoMs).length;
  const most = Math.max(...points.map(({ value }) => value));
  const told = rpoMs === null ? "" : over === 0 ? "within the rpo every day" : `over the rpo on ${counted(over, "day")}`;
  const label = `Age of the newest good snapshot at its worst, by day from ${dayText(from.day)} to ${dayText(to.day)}: ${shortDuration(most)} at most${told === "" ? "" : `, ${told}`}`;
  const limit = rpoMs === null ? undefined : { value: rpoMs, name: `rpo ${ageText(rpoMs)}` };
  return figure(
    "Data at risk",
    told,
    barChart({
      ...size,
      label,
      points,
      limit,
      from: from.day,
      to: to.day + DAY_MS,
      unit: timeUnitOf(Math.max(most, rpoMs ?? 0)),
      format: shortDuration,
    }),
  );
}

function restores({ drills }: ClusterReport, size: Size): Markup {
  const last = drills.findLast(({ ok }) => ok)?.restoreMs ?? 0;
  // One that failed before anything served has no time: it stands where the last good one did.
  const points = drills.map(({ at, ok, restoreMs }) => ({ at, ok, value: restoreMs ?? last }));
  const [from, to] = [points[0], points.at(-1)];
  if (from === undefined || to === undefined)
    return figure("Restore", "", "No drill yet: lifeboat drill restores the newest good snapshot, and tells how long it took.");
  const failed = points.filter(({ ok }) => !ok).length;
  const label = `How long a restore took in ${counted(points.length, "drill")} from ${dayText(from.at)} to ${dayText(to.at)}: ${shortDuration(last)} in the last that succeeded${failed === 0 ? "" : `; ${failed} failed`}`;
  const margin = Math.max(DAY_MS, (to.at - from.at) * 0.05);
  const most = Math.max(...points.map(({ value }) => value));
  const value = `${last === 0 ? "" : shortDuration(last)}${failed === 0 ? "" : `, ${failed} of ${counted(points.length, "drill")} failed`}`;
  return figure(
    "Restore",
    value.replace(/^, /, ""),
    dotChart({
      ...size,
      label,
      points,
      isLinked: true,
      from: from.at - margin,
      to: to.at + margin,
      unit: timeUnitOf(most),
      format: shortDuration,
    }),
  );
}

function durations({ snapshots }: ClusterReport, size: Size): Markup {
  const points = snapshots.map(({ at, tookMs: value, isGood: ok }) => ({ at, value, ok }));
  const [from, to] = [points[0], points.at(-1)];
  if (from === undefined || to === undefined || from.at === to.at)
    return figure("Backup takes", "", "It takes two snapshots to see how it changes.");
  const sorted = points.map(({ value }) => value).toSorted((one, other) => one - other);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const most = sorted.at(-1) ?? 0;
  const label = `How long backups took from ${dayText(from.at)} to ${dayText(to.at)}: ${shortDuration(middle)} usually, ${shortDuration(most)} at most`;
  return figure(
    "Backup takes",
    `${shortDuration(middle)} usually`,
    dotChart({ ...size, label, points, from: from.at, to: to.at, unit: timeUnitOf(most), format: shortDuration }),
  );
}

function forecast({ forecast: found }: ClusterReport, size: Size): Markup {
  const points = found?.points.map(({ at, bytes: value }) => ({ at, value })) ?? [];
  const [from, to] = [points[0], points.at(-1)];
  if (found === null || from === undefined || to === undefined) return figure("Storage to come", "", "Nothing to reckon from.");
  const days = Math.round((to.at - from.at) / DAY_MS);
  const ahead = days === 365 ? "in a year" : `in ${days} days`;
  const label = `Storage as the retention keeps it: ${formatBytes(from.value)} now, ${formatBytes(to.value)} ${ahead}; ${found.reason}`;
  return figure(
    "Storage to come",
    `${formatBytes(to.value)} ${ahead}`,
    lineChart({
      ...size,
      label,
      points,
      unit: unitOf(Math.max(...points.map(({ value }) => value))),
      format: formatBytes,
      isFilled: true,
      isStepped: true,
    }),
  );
}

/** `1.2 M`. */
function shortCount(value: number): string {
  if (value < 10_000) return value.toLocaleString("en");
  return value < 1_000_000 ? `${+(value / 1000).toFixed(1)} k` : `${+(value / 1_000_000).toFixed(2)} M`;
}

/** Marks of an axis are whole numbers of the unit that its values are written in. */
function unitOf(bytes: number): number {
  return 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
}

function timeUnitOf(ms: number): number {
  if (ms < 120_000) return 1000;
  if (ms < 7_200_000) return 60_000;
  return ms < 2 * DAY_MS ? 3_600_000 : DAY_MS;
}
