import { Cluster, ContainerInsights, FargateTaskDefinition, LogDriver, OperatingSystemFamily } from "aws-cdk-lib/aws-ecs";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Role } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { DrillEvent } from "../../shared/contract/events.ts";
import { ENVIRONMENT, TASK } from "../../shared/contract/service.ts";
import { acknowledge } from "../acknowledge.ts";
import { drillTaskSizes } from "../sizes.ts";
import type { DrillImage } from "./drill-image.ts";
import { keptLog } from "./kept-log.ts";
import type { NetworkPlacement } from "./network.ts";
import { ScheduledStart } from "./scheduled-start.ts";
import type { FunctionContext } from "./service-context.ts";

export interface DrillTaskProps {
  readonly context: FunctionContext;
  readonly image: DrillImage;
  /** Whose databases are too large for a function, and how large they may become. */
  readonly clusters: readonly { readonly name: string; readonly databaseBytes: number }[];
  readonly role: Role;
  readonly network: NetworkPlacement;
}

const DAY_MS = 86_400_000;

/** The drill of large databases, as a task of Fargate that begins each day and ends at once where none is due: it has as long as it takes, and a disk that is large enough. */
export class DrillTask extends Construct {
  constructor(scope: Construct, id: string, { context, image, clusters, role, network }: DrillTaskProps) {
    super(scope, id);
    const { serviceName, notifications } = context;
    const { cpu, memoryMiB, diskGiB, seconds } = drillTaskSizes(clusters.map(({ databaseBytes }) => databaseBytes));
    const cluster = new Cluster(this, "Cluster", { vpc: network.vpc, containerInsightsV2: ContainerInsights.ENABLED });
    const definition = new FargateTaskDefinition(this, "Task", {
      cpu,
      memoryLimitMiB: memoryMiB,
      ephemeralStorageGiB: diskGiB,
      runtimePlatform: { cpuArchitecture: image.cpuArchitecture, operatingSystemFamily: OperatingSystemFamily.LINUX },
      taskRole: role,
    });
    const event: DrillEvent = { clusters: clusters.map(({ name }) => name) };
    definition.addContainer("lifeboat", {
      image: image.container,
      logging: LogDriver.awsLogs({ logGroup: keptLog(this, "Log", `/${serviceName}/drill-task`, context), streamPrefix: "drill" }),
      environment: { [ENVIRONMENT.service]: serviceName, [TASK.event]: JSON.stringify(event), [TASK.seconds]: String(seconds) },
    });
    acknowledge(definition, "AwsSolutions-ECS2", "which clusters it drills, and how long it has: no secret, and the same for every run");
    const execution = definition.obtainExecutionRole();
    acknowledge(execution, "AwsSolutions-IAM5[Resource::*]", "a token of ECR is not for one repository");
    const { vpc, vpcSubnets, securityGroup } = network;
    new ScheduledStart(this, "Daily", {
      description: `etcd-lifeboat: drills of large databases of ${serviceName}`,
      schedule: { expression: "rate(1 day)", timeZone: "UTC", longestGapMs: DAY_MS },
      flexibleMinutes: 60,
      target: {
        arn: cluster.clusterArn,
        statements: [
          new PolicyStatement({ actions: ["ecs:RunTask"], resources: [definition.taskDefinitionArn] }),
          new PolicyStatement({
            actions: ["iam:PassRole"],
            resources: [role.roleArn, execution.roleArn],
            conditions: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
          }),
        ],
        ecsParameters: {
          taskDefinitionArn: definition.taskDefinitionArn,
          launchType: "FARGATE",
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: vpc.selectSubnets(vpcSubnets).subnetIds,
              securityGroups: [securityGroup.securityGroupId],
              assignPublicIp: "DISABLED",
            },
          },
        },
      },
      notifications,
    });
  }
}
