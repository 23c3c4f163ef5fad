import type { ClusterConfig } from "../shared/config/schema.ts";
import { alarmWindow } from "./alarm-window.ts";
import type { AlarmWindow } from "./alarm-window.ts";
import { scheduleExpression } from "./schedule/expression.ts";
import type { ScheduleExpression } from "./schedule/expression.ts";
import { KEEPER_SIZES, LARGEST_DATABASE_BYTES, sizesFor } from "./sizes.ts";
import type { Sizes } from "./sizes.ts";

/** What is asked for one cluster. Times are in milliseconds. */
export interface ClusterDemands {
  readonly schedule: ClusterConfig["schedule"];
  readonly rpoMs: number;
  /** `verify.deepVerify`: 0 where every backup is read back. */
  readonly deepEveryMs: number;
  readonly flexibleWindowMs: number;
  readonly graceMs: number;
  readonly databaseBytes: number;
  readonly megabytesPerSecond: number;
}

/** What follows from it. */
export interface ClusterPlan {
  readonly sizes: Sizes;
  readonly schedule: ScheduleExpression;
  /** 0 for none. */
  readonly flexibleMinutes: number;
  /** No backup for so long is an alarm: the longest gap of the schedule, its window, the time of a run, and the grace. */
  readonly silence: AlarmWindow;
  /** No verification for so long is one: the same, and the time of the verification and of the keeper. */
  readonly unverified: AlarmWindow;
  /** How often the store is checked for a good snapshot younger than the rpo. */
  readonly checkMinutes: number;
}

/** The setting that a problem is about, as lifeboat.yaml has it below the cluster. */
export interface PlanProblem {
  readonly setting: "schedule" | "rpo" | "service.databaseSize" | "service.flexibleWindow";
  readonly message: string;
}

const MINUTE_MS = 60_000;
/** What EventBridge Scheduler takes. */
const LONGEST_WINDOW_MINUTES = 1440;

/** How a cluster is backed up; `plan` is undefined where the problems leave none. */
export function planCluster(demands: ClusterDemands): {
  readonly plan: ClusterPlan | undefined;
  readonly problems: readonly PlanProblem[];
} {
  const problems: PlanProblem[] = [];
  const { databaseBytes, megabytesPerSecond, flexibleWindowMs, graceMs, rpoMs, deepEveryMs } = demands;
  if (databaseBytes > LARGEST_DATABASE_BYTES)
    problems.push({
      setting: "service.databaseSize",
      message: `the proof of so many entries does not fit the memory of a task; at most ${LARGEST_DATABASE_BYTES / 2 ** 30}GiB do`,
    });
  if (flexibleWindowMs % MINUTE_MS !== 0 || flexibleWindowMs > LONGEST_WINDOW_MINUTES * MINUTE_MS)
    problems.push({
      setting: "service.flexibleWindow",
      message: `AWS takes whole minutes, at most ${LONGEST_WINDOW_MINUTES / 60}h`,
    });

  const schedule = scheduleExpression(demands.schedule);
  if (typeof schedule === "string") return { plan: undefined, problems: [...problems, { setting: "schedule", message: schedule }] };
  const sizes = sizesFor(databaseBytes, megabytesPerSecond);
  const runMs = (sizes.startSeconds + sizes.seconds) * 1000;
  const between = schedule.longestGapMs + flexibleWindowMs + runMs;
  const silence = alarmWindow(between + graceMs);
  // An execution succeeds once the keeper is done.
  const unverified = alarmWindow(between + runMs + KEEPER_SIZES.seconds * 1000 + graceMs);
  if (silence === undefined || unverified === undefined)
    problems.push({
      setting: "schedule",
      message: "leaves gaps that no alarm of CloudWatch can watch, which looks back seven days; back up at least every six days",
    });
  // The last one that need not be read back is a little less than that apart from the one before.
  const unreadMs = deepEveryMs + between + runMs;
  if (rpoMs < unreadMs)
    problems.push({
      setting: "rpo",
      message: `${minutes(unreadMs)} minutes can lie between two verified backups by the schedule, its window${deepEveryMs === 0 ? " and the time of a run; back up more often," : ", the time of a run and verify.deepVerify; back up or verify more often,"} or take a larger rpo`,
    });
  if (silence === undefined || unverified === undefined) return { plan: undefined, problems };
  return {
    plan: {
      sizes,
      schedule,
      flexibleMinutes: flexibleWindowMs / MINUTE_MS,
      silence,
      unverified,
      checkMinutes: checkMinutes(rpoMs),
    },
    problems,
  };
}

/** Six times in an rpo, so that it is known soon, and not more often than is worth its requests. */
function checkMinutes(rpoMs: number): number {
  return Math.max(5, Math.min(60, Math.floor(rpoMs / 6 / MINUTE_MS)));
}

function minutes(ms: number): number {
  return Math.ceil(ms / MINUTE_MS);
}
