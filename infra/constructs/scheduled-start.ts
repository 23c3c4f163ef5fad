import { Aws } from "aws-cdk-lib";
import { Policy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";
import type { Notifications } from "./notifications.ts";

export interface ScheduledStartProps {
  readonly description: string;
  /** As EventBridge Scheduler writes it, and how long it may stay silent. */
  readonly schedule: { readonly expression: string; readonly timeZone: string; readonly longestGapMs: number };
  /** 0 for none. */
  readonly flexibleMinutes: number;
  /** What is started, by which action, and with which input. */
  readonly target: ScheduledTarget;
  readonly notifications: Notifications;
}

export interface ScheduledTarget {
  readonly arn: string;
  /** With `arn` as its resource, unless `statements` say it all. */
  readonly action?: string;
  readonly statements?: readonly PolicyStatement[];
  readonly input?: object;
  /** Of a task, whose cluster `arn` is then. */
  readonly ecsParameters?: CfnSchedule.EcsParametersProperty;
}

/** In the input of a target Scheduler puts the time in its place, the same one each time that it delivers a start. */
export const SCHEDULED_TIME = "<aws.scheduler.scheduled-time>";

/** A start that is late by more than this is for the next one to make good. */
const LATEST_SECONDS = 3600;
/** Scheduler takes no less. */
const LEAST_SECONDS = 60;
const DELIVERIES = 10;

/** Starts something at the times of a schedule, by a role that may do nothing else; a start that could not be delivered is kept in the queue. */
export class ScheduledStart extends Construct {
  constructor(scope: Construct, id: string, { description, schedule, flexibleMinutes, target, notifications }: ScheduledStartProps) {
    super(scope, id);
    const role = new Role(this, "Role", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", { conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } } }),
    });
    const policy = new Policy(this, "Policy", {
      roles: [role],
      statements: [
        ...(target.action === undefined ? [] : [new PolicyStatement({ actions: [target.action], resources: [target.arn] })]),
        ...(target.statements ?? []),
        new PolicyStatement({ actions: ["sqs:SendMessage"], resources: [notifications.undelivered.queueArn] }),
      ],
    });
    const made = new CfnSchedule(this, "Schedule", {
      description,
      scheduleExpression: schedule.expression,
      scheduleExpressionTimezone: schedule.timeZone,
      flexibleTimeWindow: flexibleMinutes === 0 ? { mode: "OFF" } : { mode: "FLEXIBLE", maximumWindowInMinutes: flexibleMinutes },
      target: {
        arn: target.arn,
        roleArn: role.roleArn,
        ...(target.input === undefined ? {} : { input: JSON.stringify(target.input) }),
        ...(target.ecsParameters === undefined ? {} : { ecsParameters: target.ecsParameters }),
        deadLetterConfig: { arn: notifications.undelivered.queueArn },
        retryPolicy: {
          maximumEventAgeInSeconds: Math.max(LEAST_SECONDS, Math.min(LATEST_SECONDS, Math.floor(schedule.longestGapMs / 1000))),
          maximumRetryAttempts: DELIVERIES,
        },
      },
    });
    made.node.addDependency(policy);
  }
}
