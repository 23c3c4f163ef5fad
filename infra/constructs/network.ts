import { Aws } from "aws-cdk-lib";
import {
  CfnVPCEndpoint,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  Peer,
  Port,
  SecurityGroup,
  Subnet,
  Vpc,
} from "aws-cdk-lib/aws-ec2";
import type { ISecurityGroup, ISubnet, IVpc } from "aws-cdk-lib/aws-ec2";
import { Construct } from "constructs";
import { acknowledge } from "../acknowledge.ts";
import type { Deployment } from "../deployment.ts";

type NetworkSettings = NonNullable<Deployment["service"]["network"]>;

export interface NetworkProps {
  readonly settings: NetworkSettings;
  /** What the clusters' secrets are kept by. */
  readonly secrets: ReadonlySet<"secretsmanager" | "ssm">;
  /** Whether some clusters are backed up by tasks, which fetch an image, write logs and report by themselves. */
  readonly hasTasks: boolean;
}

/** The network that reaches the endpoints of etcd: one that is there, seen without asking AWS, with endpoints of AWS's services where it has no NAT. */
export class Network extends Construct {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroup: ISecurityGroup;

  constructor(scope: Construct, id: string, { settings, secrets, hasTasks }: NetworkProps) {
    super(scope, id);
    const { vpc, subnets, securityGroup, nat, routeTables } = settings;
    // CDK wants a zone, and nothing here is placed by one: subnets are named.
    this.vpc = Vpc.fromVpcAttributes(this, "Vpc", { vpcId: vpc, availabilityZones: ["any"] });
    this.subnets = subnets.map((subnetId) => Subnet.fromSubnetAttributes(this, subnetId, { subnetId }));
    for (const subnet of this.subnets)
      acknowledge(subnet, "Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId", "nothing asks a subnet for its routes");
    // Its rules are its owner's: that it reaches etcd, and HTTPS.
    this.securityGroup = SecurityGroup.fromSecurityGroupId(this, "SecurityGroup", securityGroup, { mutable: false });
    if (nat) return;
    new CfnVPCEndpoint(this, "S3", {
      vpcId: vpc,
      vpcEndpointType: "Gateway",
      serviceName: `com.amazonaws.${Aws.REGION}.s3`,
      routeTableIds: routeTables,
    });
    const doors = new SecurityGroup(this, "Endpoints", {
      vpc: this.vpc,
      description: "etcd-lifeboat: from the functions to the endpoints of AWS",
      allowAllOutbound: false,
    });
    doors.addIngressRule(Peer.securityGroupId(securityGroup), Port.HTTPS, "from the functions");
    for (const [name, service] of services(secrets, hasTasks)) {
      new InterfaceVpcEndpoint(this, name, {
        vpc: this.vpc,
        service,
        subnets: { subnets: [...this.subnets] },
        securityGroups: [doors],
        open: false,
      });
    }
  }
}

function services(secrets: NetworkProps["secrets"], hasTasks: boolean): readonly (readonly [string, InterfaceVpcEndpointAwsService])[] {
  // Functions need none for logs and metrics: the service that runs them delivers these.
  return [
    ["Kms", InterfaceVpcEndpointAwsService.KMS],
    ["Sts", InterfaceVpcEndpointAwsService.STS],
    ...(secrets.has("secretsmanager") ? [["SecretsManager", InterfaceVpcEndpointAwsService.SECRETS_MANAGER] as const] : []),
    ...(secrets.has("ssm") ? [["Ssm", InterfaceVpcEndpointAwsService.SSM] as const] : []),
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
