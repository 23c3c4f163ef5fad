import { Aws, Stack } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { DefinitionBody, LogLevel, StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { stateMachineName } from "../../shared/service.ts";
import { acknowledge } from "../acknowledge.ts";
import { definitionOf } from "../definition.ts";
import type { Step } from "../definition.ts";
import type { DeployedCluster, Deployment } from "../deployment.ts";
import { keptLog } from "./kept-log.ts";
import type { Notices } from "./notices.ts";

export interface BackupStateMachineProps {
  readonly deployment: Deployment;
  readonly cluster: DeployedCluster;
  readonly notices: Notices;
  readonly backup: Step;
  readonly verify: Step;
  /** What it must be allowed to do to start the steps. */
  readonly starts: readonly PolicyStatement[];
}

/** Backup, then verification, with retries and word of what went wrong. */
export class BackupStateMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { deployment, cluster, notices, backup, verify, starts }: BackupStateMachineProps) {
    super(scope, id);
    const { service } = deployment;
    const name = stateMachineName(service.name, cluster.name);
    const definition = definitionOf({
      cluster: cluster.name,
      partition: Aws.PARTITION,
      topicArn: notices.topic.topicArn,
      backup,
      verify,
      runbook: service.runbook,
    });
    this.stateMachine = new StateMachine(this, "StateMachine", {
      stateMachineName: name,
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(definition)),
      logs: {
        // By this prefix the policy that lets Step Functions write is shared, and does not reach its limit of size.
        destination: keptLog(this, "Log", `/aws/vendedlogs/states/${name}`, service),
        level: LogLevel.ALL,
        // Inputs and outputs are BackupEvent and outcomes: no secret is in them.
        includeExecutionData: true,
      },
      tracingEnabled: true,
    });
    for (const statement of starts) this.stateMachine.addToRolePolicy(statement);
    this.stateMachine.addToRolePolicy(new PolicyStatement({ actions: ["sns:Publish"], resources: [notices.topic.topicArn] }));
    this.stateMachine.addToRolePolicy(
      new PolicyStatement({ actions: ["kms:GenerateDataKey", "kms:Decrypt"], resources: [notices.topicKey.keyArn] }),
    );
    acknowledge(
      this.stateMachine.role,
      "AwsSolutions-IAM5[Resource::*]",
      "the delivery of logs and X-Ray know no resources: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
    );
  }
}
