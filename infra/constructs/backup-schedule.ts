import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { BackupEvent } from "../../shared/contract/events.ts";
import type { ClusterPlan } from "../cluster-plan.ts";
import type { ServiceContext } from "./service-context.ts";
import { SCHEDULED_TIME, ScheduledStart } from "./scheduled-start.ts";

export interface BackupScheduleProps {
  readonly context: ServiceContext;
  readonly plan: ClusterPlan;
  readonly stateMachine: StateMachine;
}

/** Starts the state machine of a cluster at the times of its schedule. */
export class BackupSchedule extends Construct {
  constructor(scope: Construct, id: string, { context, plan, stateMachine }: BackupScheduleProps) {
    super(scope, id);
    const { cluster, notifications } = context;
    const input: BackupEvent = { cluster, slot: SCHEDULED_TIME };
    new ScheduledStart(this, "Start", {
      description: `etcd-lifeboat: backup of ${cluster}`,
      schedule: plan.schedule,
      flexibleMinutes: plan.flexibleMinutes,
      target: { arn: stateMachine.stateMachineArn, action: "states:StartExecution", input },
      notifications,
    });
  }
}
