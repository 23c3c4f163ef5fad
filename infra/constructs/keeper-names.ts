import { ArnFormat, Aws, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { keeperName } from "../../shared/contract/service.ts";

/** What others have to know of the keeper, which is in a stack of its own: they name it, and import nothing. */

/** Its function in the account and region of `scope`. */
export function keeperArn(scope: Construct, serviceName: string): string {
  return Stack.of(scope).formatArn({
    service: "lambda",
    resource: "function",
    resourceName: keeperName(serviceName),
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** Its role in the account of the stack that names it. */
export function keeperRoleArn(serviceName: string): string {
  return `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/${keeperName(serviceName)}`;
}

/** Its alarms, in the order in which it makes them. Their names are no cluster's alarms'. */
export function keeperAlarmNames(serviceName: string, clusters: readonly string[]): readonly string[] {
  return [`${keeperName(serviceName)}-errors`, ...clusters.map((cluster) => refusedAlarmName(serviceName, cluster))];
}

/** Of the maintenance of a Kopia repository. */
export function maintenanceAlarmName(serviceName: string): string {
  return `${serviceName}-maintenance-errors`;
}

export function refusedAlarmName(serviceName: string, cluster: string): string {
  return `${serviceName}-${cluster}-refused`;
}
