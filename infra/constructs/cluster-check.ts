import { Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IMetric } from "aws-cdk-lib/aws-cloudwatch";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { CheckEvent } from "../../shared/contract/events.ts";
import type { FunctionSizes } from "../sizes.ts";
import { BackupFunction } from "./backup-function.ts";
import { checkRole } from "./roles.ts";
import { ScheduledStart } from "./scheduled-start.ts";
import type { ServiceContext } from "./service-context.ts";
import type { ISnapshotVault } from "./vault.ts";

export interface ClusterCheckProps {
  readonly context: ServiceContext;
  readonly checkMinutes: number;
  readonly vault: ISnapshotVault;
}

/** It reads some documents of a few KiB. */
const SIZES: FunctionSizes = { kind: "function", memoryMiB: 512, storageMiB: 512, seconds: 60, startSeconds: 0 };
const MINUTE_MS = 60_000;

/**
 * Looks at the store by a schedule of its own, in a role that only reads documents, and fails where the newest good snapshot is older than the rpo. Its failures are counted by Lambda itself: a metric
 * that a function writes by its log could be written by any other function of the service as well.
 */
export class ClusterCheck extends Construct {
  /** How often it failed in a time in which it runs twice; there is no value where it did not run. */
  readonly failures: IMetric;

  constructor(scope: Construct, id: string, { context, checkMinutes, vault }: ClusterCheckProps) {
    super(scope, id);
    const { cluster, notifications } = context;
    const role = checkRole(this, "Role", { cluster, vault, service: "lambda.amazonaws.com" });
    const { function: made } = new BackupFunction(this, "Check", {
      context,
      name: "check",
      cluster,
      sizes: SIZES,
      role,
      network: undefined,
    });
    // Each failure is told once, and the next look comes by itself.
    new EventInvokeConfig(this, "Once", { function: made, retryAttempts: 0 });
    const input: CheckEvent = { cluster };
    new ScheduledStart(this, "Start", {
      description: `etcd-lifeboat: check of ${cluster}`,
      schedule: {
        expression: `rate(${checkMinutes} minutes)`,
        timeZone: "UTC",
        longestGapMs: checkMinutes * MINUTE_MS,
      },
      flexibleMinutes: 0,
      target: { arn: made.functionArn, action: "lambda:InvokeFunction", input },
      notifications,
    });
    this.failures = made.metricErrors({ statistic: Stats.SUM, period: Duration.minutes(2 * checkMinutes) });
  }
}
