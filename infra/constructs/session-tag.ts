import { ArnPrincipal, Policy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IPrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { SESSION_TAG } from "../../shared/contract/service.ts";
import { allow } from "./vault-access.ts";

/** Roles that are assumed for one cluster: by a session tag, which their policies name in the place of a cluster. */

/** The tag is there, has a value, and stands alone: another one could change what a policy of somebody else's allows. */
const WITH_TAG = {
  StringLike: { [`aws:RequestTag/${SESSION_TAG}`]: "?*" },
  "ForAllValues:StringEquals": { "aws:TagKeys": [SESSION_TAG] },
};

/** Who may assume a role: `runner` alone, and only for a cluster that it names. */
export function runnerWithTag(runner: Role): IPrincipal {
  return new ArnPrincipal(runner.roleArn).withSessionTags().withConditions(WITH_TAG);
}

/** The role of a function that does nothing by itself: all of its work it does in a role that it assumes for a cluster. */
export function runnerRole(scope: Construct, id: string): Role {
  return new Role(scope, id, { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
}

/** Lets it assume `role`. */
export function allowToAssume(scope: Construct, id: string, runner: Role, role: Role): void {
  new Policy(scope, id, { roles: [runner], statements: [allow(["sts:AssumeRole", "sts:TagSession"], [role.roleArn], WITH_TAG)] });
}
