import { Duration, Size } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Role } from "aws-cdk-lib/aws-iam";
import { Architecture, Function as LambdaFunction, Handler, Runtime } from "aws-cdk-lib/aws-lambda";
import type { FunctionProps, ILayerVersion } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { CONFIG_FILE, ENVIRONMENT, HANDLER } from "../../shared/contract/service.ts";
import { acknowledge } from "../acknowledge.ts";
import type { FunctionSizes } from "../sizes.ts";
import { functionCode } from "./function-code.ts";
import type { FunctionName } from "./function-code.ts";
import { keptLog } from "./kept-log.ts";
import type { NetworkPlacement } from "./network.ts";
import type { FunctionContext } from "./service-context.ts";

export type BackupFunctionProps = CommonProps & (ZippedProps | ImageProps);

interface ZippedProps {
  readonly name: FunctionName;
  readonly image?: undefined;
}

interface ImageProps {
  readonly name: "drill";
  /** What it runs in place of a bundle, and the machine that this is for. */
  readonly image: Pick<FunctionProps, "code" | "architecture">;
}

interface CommonProps {
  readonly context: FunctionContext;
  /** Undefined for the one that serves all of them. */
  readonly cluster: string | undefined;
  /**
   * Where others name it before it is there.
   *
   * @default one that CloudFormation makes
   */
  readonly functionName?: string;
  readonly sizes: FunctionSizes;
  readonly role: Role;
  readonly network: NetworkPlacement | undefined;
  /**
   * For a fleet, whose clusters the store lists: the role that a run assumes with the tag of its cluster, or none where the function looks at all of them in its own.
   *
   * @default clusters are those of the configuration
   */
  readonly fleet?: { readonly assumes?: Role };
  /**
   * What its code finds besides.
   *
   * @default none
   */
  readonly layers?: readonly ILayerVersion[];
}

/** One of the functions of a cluster, or the one that serves all of them, with its log. */
export class BackupFunction extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: BackupFunctionProps) {
    super(scope, id);
    const { context, name, cluster, functionName, sizes, role, network, fleet, layers = [] } = props;
    const { serviceName, configuration } = context;
    const logGroup = keptLog(
      this,
      "Log",
      cluster === undefined ? `/${serviceName}/${name}` : `/${serviceName}/${cluster}/${name}`,
      context,
    );
    logGroup.grantWrite(role);
    if (network !== undefined) allowInterfaces(role);
    this.function = new LambdaFunction(this, "Function", {
      ...(functionName === undefined ? {} : { functionName }),
      description: `etcd-lifeboat: ${name} of ${cluster ?? `all clusters of ${serviceName}`}`,
      ...(props.image === undefined
        ? {
            runtime: Runtime.NODEJS_24_X,
            architecture: Architecture.ARM_64,
            code: functionCode(props.name, configuration),
            handler: HANDLER,
          }
        : { runtime: Runtime.FROM_IMAGE, handler: Handler.FROM_IMAGE, ...props.image }),
      environment: {
        // An image names its configuration itself.
        ...(props.image === undefined ? { [ENVIRONMENT.config]: CONFIG_FILE } : {}),
        [ENVIRONMENT.service]: serviceName,
        ...(fleet === undefined ? {} : { [ENVIRONMENT.fleet]: "1" }),
        ...(fleet?.assumes === undefined ? {} : { [ENVIRONMENT.role]: fleet.assumes.roleArn }),
      },
      memorySize: sizes.memoryMiB,
      ephemeralStorageSize: Size.mebibytes(sizes.storageMiB),
      timeout: Duration.seconds(sizes.seconds),
      role,
      logGroup,
      ...(layers.length === 0 ? {} : { layers: [...layers] }),
      ...(network === undefined ? {} : inVpc(network)),
    });
    // The policy is not part of the role: without this the function could run, or its network interface be made, before it may.
    this.function.node.addDependency(role);
  }
}

function inVpc({ vpc, vpcSubnets, securityGroup }: NetworkPlacement): Pick<FunctionProps, "vpc" | "vpcSubnets" | "securityGroups"> {
  return { vpc, securityGroups: [securityGroup], ...(vpcSubnets === undefined ? {} : { vpcSubnets }) };
}

/** What Lambda does in the role's name in a VPC. https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions */
function allowInterfaces(role: Role): void {
  role.addToPolicy(
    new PolicyStatement({
      actions: [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ],
      resources: ["*"],
    }),
  );
  acknowledge(
    role,
    "AwsSolutions-IAM5[Resource::*]",
    "Lambda asks for these on all interfaces: it checks them before there is one to name",
  );
}
