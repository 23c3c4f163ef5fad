import { Alarm, ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { AlarmProps } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Construct } from "constructs";
import { runbookLink } from "../runbook.ts";
import type { Heading } from "../runbook.ts";
import type { Notifications } from "./notifications.ts";

export interface LoudAlarmProps extends Omit<AlarmProps, "alarmDescription"> {
  readonly alarmName: string;
  /** What is the matter, in a sentence. */
  readonly what: string;
  readonly heading: Heading;
  /** Where docs/runbook.md is published; undefined for its path. */
  readonly runbook: string | undefined;
  readonly notifications: Notifications;
  /** Where the alarm tells of something that lasts: also when it is over. */
  readonly tellsOfRecovery?: boolean;
}

/** Of what is loud when it happens once. */
export const ONCE = {
  comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  threshold: 1,
  evaluationPeriods: 1,
  treatMissingData: TreatMissingData.NOT_BREACHING,
};

/** An alarm that tells the topic, and whose description leads to its heading in the runbook. */
export function addAlarm(
  scope: Construct,
  id: string,
  { what, heading, runbook, notifications, tellsOfRecovery = false, ...props }: LoudAlarmProps,
): Alarm {
  const alarm = new Alarm(scope, id, { ...props, alarmDescription: `${what}. ${runbookLink(runbook, heading)}` });
  const action = new SnsAction(notifications.topic);
  alarm.addAlarmAction(action);
  if (tellsOfRecovery) alarm.addOkAction(action);
  return alarm;
}
