import type { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Configuration } from "../deployment.ts";
import type { Notifications } from "./notifications.ts";

/** What all parts of one cluster's backup have in common. */
export interface ServiceContext extends FunctionContext {
  readonly cluster: string;
}

/** What all functions have in common, also those that are of no one cluster. */
export interface FunctionContext {
  /** Begins the names of logs, state machines and alarms. */
  readonly serviceName: string;
  readonly configuration: Configuration;
  readonly notifications: Notifications;
  /** Where docs/runbook.md is published; undefined for its path. */
  readonly runbook: string | undefined;
  readonly logRetention: RetentionDays;
}
