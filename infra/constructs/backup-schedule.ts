import { Aws } from "aws-cdk-lib";
import { Policy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { BackupEvent } from "../../shared/service.ts";
import type { DeployedCluster } from "../deployment.ts";
import type { Notices } from "./notices.ts";

export interface BackupScheduleProps {
  readonly cluster: DeployedCluster;
  readonly stateMachine: StateMachine;
  readonly notices: Notices;
}

/** Scheduler puts the time in its place, the same one each time that it delivers a start. */
const SCHEDULED_TIME = "<aws.scheduler.scheduled-time>";
/** A start that is late by more than this is for the next slot to make good. */
const LATEST_SECONDS = 3600;
/** Scheduler takes no less. */
const LEAST_SECONDS = 60;
const DELIVERIES = 10;

/** Starts the state machine of a cluster at the times of its schedule; a start that could not be delivered is kept in the queue. */
export class BackupSchedule extends Construct {
  constructor(scope: Construct, id: string, { cluster, stateMachine, notices }: BackupScheduleProps) {
    super(scope, id);
    const { schedule, flexibleMinutes } = cluster;
    const role = new Role(this, "Role", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", { conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } } }),
    });
    const policy = new Policy(this, "Policy", {
      roles: [role],
      statements: [
        new PolicyStatement({ actions: ["states:StartExecution"], resources: [stateMachine.stateMachineArn] }),
        new PolicyStatement({ actions: ["sqs:SendMessage"], resources: [notices.undelivered.queueArn] }),
      ],
    });
    const input: BackupEvent = { cluster: cluster.name, slot: SCHEDULED_TIME };
    const made = new CfnSchedule(this, "Schedule", {
      description: `etcd-lifeboat: backup of ${cluster.name}`,
      scheduleExpression: schedule.expression,
      scheduleExpressionTimezone: schedule.timeZone,
      flexibleTimeWindow: flexibleMinutes === 0 ? { mode: "OFF" } : { mode: "FLEXIBLE", maximumWindowInMinutes: flexibleMinutes },
      target: {
        arn: stateMachine.stateMachineArn,
        roleArn: role.roleArn,
        input: JSON.stringify(input),
        deadLetterConfig: { arn: notices.undelivered.queueArn },
        retryPolicy: {
          maximumEventAgeInSeconds: Math.max(LEAST_SECONDS, Math.min(LATEST_SECONDS, Math.floor(schedule.longestGapMs / 1000))),
          maximumRetryAttempts: DELIVERIES,
        },
      },
    });
    made.node.addDependency(policy);
  }
}
