import { ArnFormat, Aws, Stack } from "aws-cdk-lib";
import { CpuArchitecture, FargateTaskDefinition, LogDriver, OperatingSystemFamily } from "aws-cdk-lib/aws-ecs";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Role } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { ENVIRONMENT, stateMachineName, TASK } from "../../shared/contract/service.ts";
import { acknowledge } from "../acknowledge.ts";
import { eventOf } from "../definition.ts";
import type { Step } from "../definition.ts";
import type { TaskSizes } from "../sizes.ts";
import type { StepName } from "./function-code.ts";
import { keptLog } from "./kept-log.ts";
import type { ServiceContext } from "./service-context.ts";
import type { TaskHost } from "./task-host.ts";

export interface BackupTaskProps {
  readonly context: ServiceContext;
  readonly name: StepName;
  readonly sizes: TaskSizes;
  readonly role: Role;
  readonly host: TaskHost;
}

/** What a function does, as a task of Fargate: it has as long as it takes. */
export class BackupTask extends Construct {
  readonly step: Step;
  /** What starts it must be allowed. */
  readonly starts: readonly PolicyStatement[];

  constructor(scope: Construct, id: string, { context, name, sizes, role, host }: BackupTaskProps) {
    super(scope, id);
    const { serviceName, cluster } = context;
    const definition = new FargateTaskDefinition(this, "Task", {
      cpu: sizes.cpu,
      memoryLimitMiB: sizes.memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
      taskRole: role,
    });
    const container = definition.addContainer("lifeboat", {
      image: host.image,
      logging: LogDriver.awsLogs({
        logGroup: keptLog(this, "Log", `/${serviceName}/${cluster}/${name}`, context),
        streamPrefix: name,
      }),
      environment: { [ENVIRONMENT.service]: serviceName, [TASK.step]: name, [TASK.seconds]: String(sizes.seconds) },
    });
    acknowledge(
      definition,
      "AwsSolutions-ECS2",
      "whose task and which step it is, and how long it has: no secret, and the same for every run",
    );
    const execution = definition.obtainExecutionRole();
    acknowledge(execution, "AwsSolutions-IAM5[Resource::*]", "a token of ECR is not for one repository");
    // By name, since the state machine itself names this task.
    const stateMachine = Stack.of(this).formatArn({
      service: "states",
      resource: "stateMachine",
      resourceName: stateMachineName(serviceName, cluster),
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    role.addToPolicy(new PolicyStatement({ actions: ["states:SendTaskSuccess", "states:SendTaskFailure"], resources: [stateMachine] }));
    this.starts = [
      new PolicyStatement({ actions: ["ecs:RunTask"], resources: [definition.taskDefinitionArn] }),
      new PolicyStatement({
        actions: ["iam:PassRole"],
        resources: [role.roleArn, execution.roleArn],
        conditions: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
      }),
    ];
    const { vpc, vpcSubnets, securityGroup } = host.network;
    this.step = {
      resource: `arn:${Aws.PARTITION}:states:::ecs:runTask.waitForTaskToken`,
      arguments: {
        Cluster: host.cluster.clusterArn,
        TaskDefinition: definition.taskDefinitionArn,
        LaunchType: "FARGATE",
        NetworkConfiguration: {
          AwsvpcConfiguration: {
            Subnets: vpc.selectSubnets(vpcSubnets).subnetIds,
            SecurityGroups: [securityGroup.securityGroupId],
            AssignPublicIp: "DISABLED",
          },
        },
        Overrides: {
          ContainerOverrides: [
            {
              Name: container.containerName,
              Environment: [
                { Name: TASK.token, Value: "{% $states.context.Task.Token %}" },
                { Name: TASK.event, Value: `{% $string(${eventOf(name)}) %}` },
              ],
            },
          ],
        },
      },
      outcome: "$states.result",
      seconds: sizes.startSeconds + sizes.seconds,
    };
  }
}
