import { Stack, Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

/** Says why a finding of cdk-nag (`AwsSolutions-S1`) is as it should be. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** The same of each wildcard in resources that a policy allows: one that is not among `resources` goes on being a finding. */
export function acknowledgeWildcards(policy: IConstruct, resources: readonly string[], reason: string): void {
  for (const resource of resources.filter((each) => each.includes("*")))
    acknowledge(policy, `AwsSolutions-IAM5[Resource::${inWords(Stack.of(policy).resolve(resource))}]`, reason);
}

/** As cdk-nag writes what is known only when the stack is deployed: `<AWS::Partition>`, `<Bucket83908E77.Arn>`. */
function inWords(resolved: unknown): string {
  // A variable of the policy as well.
  if (typeof resolved !== "object" || resolved === null) return String(resolved).replaceAll(/\$\{([^}]+)\}/g, "<$1>");
  const [[name, argument] = ["", ""]] = Object.entries(resolved);
  if (name === "Ref") return `<${String(argument)}>`;
  if (!Array.isArray(argument)) return JSON.stringify(resolved);
  if (name === "Fn::GetAtt") return `<${argument.join(".")}>`;
  const [by, parts] = argument as readonly unknown[];
  return name === "Fn::Join" && Array.isArray(parts) ? parts.map(inWords).join(String(by)) : JSON.stringify(resolved);
}
