import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { BackupEvent } from "../../shared/service.ts";
import type { DeployedCluster } from "../deployment.ts";
import type { Notices } from "./notices.ts";
import { ScheduledStart } from "./scheduled-start.ts";

export interface BackupScheduleProps {
  readonly cluster: DeployedCluster;
  readonly stateMachine: StateMachine;
  readonly notices: Notices;
}

/** Scheduler puts the time in its place, the same one each time that it delivers a start. */
const SCHEDULED_TIME = "<aws.scheduler.scheduled-time>";

/** Starts the state machine of a cluster at the times of its schedule. */
export class BackupSchedule extends Construct {
  constructor(scope: Construct, id: string, { cluster, stateMachine, notices }: BackupScheduleProps) {
    super(scope, id);
    const input: BackupEvent = { cluster: cluster.name, slot: SCHEDULED_TIME };
    new ScheduledStart(this, "Start", {
      description: `etcd-lifeboat: backup of ${cluster.name}`,
      schedule: cluster.schedule,
      flexibleMinutes: cluster.flexibleMinutes,
      target: { arn: stateMachine.stateMachineArn, action: "states:StartExecution", input },
      notices,
    });
  }
}
