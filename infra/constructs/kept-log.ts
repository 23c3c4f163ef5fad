import { RemovalPolicy } from "aws-cdk-lib";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { Deployment } from "../deployment.ts";

/** The schema takes the numbers of this enumeration, and imports no CDK to say so. */
const RETENTIONS = Object.values(RetentionDays).filter((each) => typeof each === "number");

/** A log that is kept so many days as the configuration says, and goes with its stack: what happened to snapshots is in the custody log. */
export function keptLog(scope: Construct, id: string, logGroupName: string, { logDays }: Deployment["service"]): LogGroup {
  return new LogGroup(scope, id, {
    logGroupName,
    retention: RETENTIONS.find((each: number) => each === logDays) ?? RetentionDays.INFINITE,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}
