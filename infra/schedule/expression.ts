import type { ClusterConfig } from "../../shared/config/schema.ts";
import { longestGapMs, parseCron, toAwsCron } from "../../shared/config/cron.ts";

/** A cluster's schedule as EventBridge Scheduler takes it. */
export interface ScheduleExpression {
  /** `rate(1 hour)`, `cron(0 2 * * ? *)`. */
  readonly expression: string;
  readonly timeZone: string;
  /** The longest time between two runs, an hour more where clocks are put forward and back. */
  readonly longestGapMs: number;
}

const MINUTE_MS = 60_000;
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", MINUTE_MS],
] as const;

/** A text in place of the expression says why AWS takes none. */
export function scheduleExpression(schedule: ClusterConfig["schedule"]): ScheduleExpression | string {
  if ("rate" in schedule) {
    const { rate } = schedule;
    const whole = UNITS.find(([, each]) => rate % each === 0);
    if (whole === undefined) return "is no whole number of minutes, and AWS takes nothing finer";
    const [unit, ms] = whole;
    const count = rate / ms;
    return { expression: `rate(${count} ${unit}${count === 1 ? "" : "s"})`, timeZone: "UTC", longestGapMs: rate };
  }
  const { cron: line, timeZone } = schedule;
  const cron = parseCron(line);
  if (typeof cron === "string") return cron;
  const gap = longestGapMs(cron);
  if (gap === undefined) return `"${line}" is a time that never comes`;
  const aws = toAwsCron(cron);
  if (typeof aws === "string") return aws;
  return { ...aws, timeZone, longestGapMs: timeZone === "UTC" ? gap : gap + 60 * MINUTE_MS };
}
