import { Aws, Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

/** Says why a finding of cdk-nag (`AwsSolutions-S1`) is as it should be. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** The same of each wildcard in resources that a policy allows: one that is not among `resources` goes on being a finding. */
export function acknowledgeWildcards(policy: IConstruct, resources: readonly string[], reason: string): void {
  for (const resource of resources.filter((each) => each.includes("*")))
    acknowledge(policy, `AwsSolutions-IAM5[Resource::${inWords(resource)}]`, reason);
}

/** As cdk-nag writes what is known only when the stack is deployed. */
function inWords(resource: string): string {
  return resource
    .replaceAll(Aws.PARTITION, "<AWS::Partition>")
    .replaceAll(Aws.REGION, "<AWS::Region>")
    .replaceAll(Aws.ACCOUNT_ID, "<AWS::AccountId>");
}
