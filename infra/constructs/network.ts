import type { ISecurityGroup, IVpc, SubnetSelection } from "aws-cdk-lib/aws-ec2";

/** Where functions and tasks run, so that they reach the endpoints of etcd. */
export interface NetworkPlacement {
  /** The VPC that reaches etcd. */
  readonly vpc: IVpc;
  /**
   * The subnets. They need a way to AWS's services: NAT, or `ServiceEndpoints`.
   *
   * @default the private subnets of the VPC
   */
  readonly vpcSubnets?: SubnetSelection;
  /** Of the functions and tasks. Its rules are yours: it must reach etcd, and HTTPS. */
  readonly securityGroup: ISecurityGroup;
}
