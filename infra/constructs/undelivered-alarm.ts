import { Duration } from "aws-cdk-lib";
import { ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { HEADINGS } from "../runbook.ts";
import { addAlarm } from "./alarm.ts";
import type { Notifications } from "./notifications.ts";

export interface UndeliveredAlarmProps {
  /** Whose queue is watched, and who is told. */
  readonly notifications: Notifications;
  /**
   * Begins the name of the alarm: `SERVICE-undelivered`.
   *
   * @default "lifeboat"
   */
  readonly serviceName?: string;
  /**
   * Where docs/runbook.md is published.
   *
   * @default its path
   */
  readonly runbook?: string | undefined;
}

/** The alarm for starts that EventBridge Scheduler could not deliver: one for all clusters that share `Notifications`. */
export class UndeliveredAlarm extends Construct {
  /** For a dashboard. */
  readonly alarmName: string;

  constructor(scope: Construct, id: string, { notifications, serviceName = "lifeboat", runbook }: UndeliveredAlarmProps) {
    super(scope, id);
    this.alarmName = `${serviceName}-undelivered`;
    addAlarm(this, "Default", {
      alarmName: this.alarmName,
      what: "a start by schedule could not be delivered, and is in the queue",
      heading: HEADINGS.undelivered,
      runbook,
      notifications,
      metric: notifications.undelivered.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5) }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
