import { Aws, Stack } from "aws-cdk-lib";
import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { DefinitionBody, LogLevel, StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { stateMachineName } from "../../shared/contract/service.ts";
import { acknowledge } from "../acknowledge.ts";
import { definitionOf } from "../definition.ts";
import type { Step } from "../definition.ts";
import { keptLog } from "./kept-log.ts";
import type { ServiceContext } from "./service-context.ts";

export interface BackupStateMachineProps {
  readonly context: ServiceContext;
  readonly backup: Step;
  readonly verify: Step;
  readonly keeper: Step;
  /** What it must be allowed to do to start the steps. */
  readonly starts: readonly PolicyStatement[];
}

/** Backup, verification, then the removal of what that ordered to go, with retries and word of what went wrong. */
export class BackupStateMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { context, backup, verify, keeper, starts }: BackupStateMachineProps) {
    super(scope, id);
    const { serviceName, cluster, notifications, runbook } = context;
    const name = stateMachineName(serviceName, cluster);
    const definition = definitionOf({
      cluster,
      partition: Aws.PARTITION,
      topicArn: notifications.topic.topicArn,
      backup,
      verify,
      keeper,
      runbook,
    });
    this.stateMachine = new StateMachine(this, "StateMachine", {
      stateMachineName: name,
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(definition)),
      logs: {
        // By this prefix the policy that lets Step Functions write is shared, and does not reach its limit of size.
        destination: keptLog(this, "Log", `/aws/vendedlogs/states/${name}`, context),
        level: LogLevel.ALL,
        // Inputs and outputs are BackupEvent and outcomes: no secret is in them.
        includeExecutionData: true,
      },
      tracingEnabled: true,
    });
    for (const statement of starts) this.stateMachine.addToRolePolicy(statement);
    notifications.grantPublish(this.stateMachine);
    acknowledge(
      this.stateMachine.role,
      "AwsSolutions-IAM5[Resource::*]",
      "the delivery of logs and X-Ray know no resources: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
    );
  }
}
