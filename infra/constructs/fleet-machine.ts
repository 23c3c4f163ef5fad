import { ArnFormat, Stack } from "aws-cdk-lib";
import { Policy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { DefinitionBody, LogLevel, StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { acknowledge, acknowledgeWildcards } from "../acknowledge.ts";
import { keptLog } from "./kept-log.ts";
import type { FunctionContext } from "./service-context.ts";

export interface FleetMachineProps {
  readonly context: FunctionContext;
  readonly name: string;
  readonly definition: object;
  /** ARNs of the functions that it calls. */
  readonly calls: readonly string[];
  /** Whether it has a Distributed Map. */
  readonly hasChildren: boolean;
}

/** A state machine that goes over the clusters of a fleet, and may call these functions, tell the topic, and start children of its own. */
export class FleetMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { context, name, definition, calls, hasChildren }: FleetMachineProps) {
    super(scope, id);
    const { notifications } = context;
    this.stateMachine = new StateMachine(this, "StateMachine", {
      stateMachineName: name,
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(definition)),
      logs: {
        // By this prefix the policy that lets Step Functions write is shared, and does not reach its limit of size.
        destination: keptLog(this, "Log", `/aws/vendedlogs/states/${name}`, context),
        level: LogLevel.ERROR,
        includeExecutionData: true,
      },
      tracingEnabled: true,
    });
    this.stateMachine.addToRolePolicy(new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [...calls] }));
    notifications.grantPublish(this.stateMachine);
    acknowledge(
      this.stateMachine.role,
      "AwsSolutions-IAM5[Resource::*]",
      "the delivery of logs and X-Ray know no resources: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
    );
    acknowledge(
      this.stateMachine,
      "AwsSolutions-SF1",
      "each child tells of itself in the logs of the functions that it calls: a thousand histories an hour would be the largest bill of all, and Step Functions itself keeps them for 90 days",
    );
    if (hasChildren) this.#allowChildren(name);
  }

  /** By its name, since a policy that it waits for cannot wait for it: https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html */
  #allowChildren(name: string): void {
    const stack = Stack.of(this);
    const arn = (resource: string, resourceName: string): string =>
      stack.formatArn({ service: "states", resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    const executions = [arn("execution", `${name}:*`), arn("execution", `${name}/*:*`)];
    const policy = new Policy(this, "Children", {
      roles: [this.stateMachine.role],
      statements: [
        new PolicyStatement({ actions: ["states:StartExecution"], resources: [arn("stateMachine", name)] }),
        new PolicyStatement({
          actions: ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
          resources: executions,
        }),
      ],
    });
    acknowledgeWildcards(policy, executions, "the children that it starts itself, whose names AWS chooses");
  }
}
