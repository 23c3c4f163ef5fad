import { Alarm } from "aws-cdk-lib/aws-cloudwatch";
import type { AlarmProps } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Construct } from "constructs";
import type { Deployment } from "../deployment.ts";
import { runbookLink } from "../runbook.ts";
import type { Heading } from "../runbook.ts";
import type { Notices } from "./notices.ts";

export interface LoudAlarmProps extends Omit<AlarmProps, "alarmDescription"> {
  readonly alarmName: string;
  /** What is the matter, in a sentence. */
  readonly what: string;
  readonly heading: Heading;
  readonly service: Deployment["service"];
  readonly notices: Notices;
  /** Where the alarm tells of something that lasts: also when it is over. */
  readonly tellsOfRecovery?: boolean;
}

/** An alarm that tells the topic, and whose description leads to its heading in the runbook. */
export function addAlarm(
  scope: Construct,
  id: string,
  { what, heading, service, notices, tellsOfRecovery = false, ...props }: LoudAlarmProps,
): Alarm {
  const alarm = new Alarm(scope, id, { ...props, alarmDescription: `${what}. ${runbookLink(service.runbook, heading)}` });
  const action = new SnsAction(notices.topic);
  alarm.addAlarmAction(action);
  if (tellsOfRecovery) alarm.addOkAction(action);
  return alarm;
}
