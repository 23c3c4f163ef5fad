import { Aws } from "aws-cdk-lib";
import { CfnVPCEndpoint, InterfaceVpcEndpoint, InterfaceVpcEndpointAwsService, Peer, Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import { Construct } from "constructs";
import type { NetworkPlacement } from "./network.ts";

/** A service of AWS that functions read secrets from. */
export type SecretService = "secretsmanager" | "ssm";

export interface ServiceEndpointsProps {
  /** Where the functions and tasks run. */
  readonly network: NetworkPlacement;
  /** Ids of the route tables of the subnets: the endpoint of S3 is a route in them. */
  readonly routeTableIds: readonly string[];
  /**
   * What keeps the clusters' secrets.
   *
   * @default none
   */
  readonly secretServices?: readonly SecretService[];
  /**
   * Whether some clusters are backed up by tasks: these fetch an image, write logs and report by themselves.
   *
   * @default false
   */
  readonly hasTasks?: boolean;
}

/** Endpoints of AWS's services in a VPC that has no NAT: S3, KMS and STS, and what secrets and tasks need. */
export class ServiceEndpoints extends Construct {
  constructor(scope: Construct, id: string, { network, routeTableIds, secretServices = [], hasTasks = false }: ServiceEndpointsProps) {
    super(scope, id);
    const { vpc, vpcSubnets, securityGroup } = network;
    new CfnVPCEndpoint(this, "S3", {
      vpcId: vpc.vpcId,
      vpcEndpointType: "Gateway",
      serviceName: `com.amazonaws.${Aws.REGION}.s3`,
      routeTableIds: [...routeTableIds],
    });
    const doors = new SecurityGroup(this, "Endpoints", {
      vpc,
      description: "etcd-lifeboat: from the functions to the endpoints of AWS",
      allowAllOutbound: false,
    });
    doors.addIngressRule(Peer.securityGroupId(securityGroup.securityGroupId), Port.HTTPS, "from the functions");
    for (const [name, service] of services(secretServices, hasTasks)) {
      new InterfaceVpcEndpoint(this, name, {
        vpc,
        service,
        ...(vpcSubnets === undefined ? {} : { subnets: vpcSubnets }),
        securityGroups: [doors],
        open: false,
      });
    }
  }
}

function services(
  secretServices: readonly SecretService[],
  hasTasks: boolean,
): readonly (readonly [string, InterfaceVpcEndpointAwsService])[] {
  // Functions need none for logs and metrics: the service that runs them delivers these.
  return [
    ["Kms", InterfaceVpcEndpointAwsService.KMS],
    ["Sts", InterfaceVpcEndpointAwsService.STS],
    ...(secretServices.includes("secretsmanager") ? [["SecretsManager", InterfaceVpcEndpointAwsService.SECRETS_MANAGER] as const] : []),
    ...(secretServices.includes("ssm") ? [["Ssm", InterfaceVpcEndpointAwsService.SSM] as const] : []),
    ...(hasTasks
      ? ([
          ["Logs", InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS],
          ["States", InterfaceVpcEndpointAwsService.STEP_FUNCTIONS],
          ["EcrApi", InterfaceVpcEndpointAwsService.ECR],
          ["EcrDocker", InterfaceVpcEndpointAwsService.ECR_DOCKER],
        ] as const)
      : []),
  ];
}
