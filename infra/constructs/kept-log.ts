import { RemovalPolicy } from "aws-cdk-lib";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { FunctionContext } from "./service-context.ts";

/** A log that is kept as long as the service says, and goes with its stack: what happened to snapshots is in the custody log. */
export function keptLog(
  scope: Construct,
  id: string,
  logGroupName: string,
  { logRetention }: Pick<FunctionContext, "logRetention">,
): LogGroup {
  return new LogGroup(scope, id, { logGroupName, retention: logRetention, removalPolicy: RemovalPolicy.DESTROY });
}
