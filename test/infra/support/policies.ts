import { z } from "zod";
import { ofType, resolve } from "./template.ts";
import type { Template } from "./template.ts";

/** IAM's evaluation, as far as the policies of the templates go: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html */

const list = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const values = z.union([z.string().transform((one) => [one]), z.number().transform((one) => [String(one)]), z.array(z.string())]);
const statement = z.object({
  Effect: z.enum(["Allow", "Deny"]),
  Principal: z.unknown().optional(),
  // No NotAction, no NotResource: an unknown element would be passed over in silence.
  Action: list,
  Resource: list.optional(),
  Condition: z.record(z.string(), z.record(z.string(), values)).default({}),
  Sid: z.string().optional(),
});
const document = z.object({ Version: z.literal("2012-10-17"), Statement: z.array(statement.strict()) });

export type Statement = z.infer<typeof statement>;

/** What a request is about. `context` are condition keys. */
export interface Ask {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/** The statements of a policy document with CloudFormation's functions carried out. */
export function statementsIn(policy: unknown, templates: readonly Template[]): readonly Statement[] {
  return document.parse(resolve(policy, templates)).Statement;
}

/** All that is allowed or denied to a role: its own policies, and those attached to it. Managed policies are none of the templates'. */
export function statementsOf(role: string, template: Template, templates: readonly Template[]): readonly Statement[] {
  const properties = template.Resources[role]?.Properties ?? {};
  if (properties["ManagedPolicyArns"] !== undefined) throw new Error(`${role} has managed policies, which are not looked into here`);
  const inline = z.array(z.object({ PolicyDocument: z.unknown() })).parse(properties["Policies"] ?? []);
  const attached = ofType(template, "AWS::IAM::Policy")
    .map(([, { Properties }]) => Properties)
    .filter(({ Roles }) => z.array(z.unknown()).parse(resolve(Roles, templates)).includes(`\${${role}}`));
  return [...inline, ...attached].flatMap(({ PolicyDocument }) => statementsIn(PolicyDocument, templates));
}

/** Whether `statements` allow it, and none denies it. */
export function isAllowed(statements: readonly Statement[], ask: Ask): boolean {
  const applying = statements.filter((each) => applies(each, ask));
  return applying.some(({ Effect }) => Effect === "Allow") && !applying.some(({ Effect }) => Effect === "Deny");
}

export function isDenied(statements: readonly Statement[], ask: Ask): boolean {
  return statements.some((each) => each.Effect === "Deny" && applies(each, ask));
}

function applies({ Action, Resource = [], Condition }: Statement, { action, resource, context = {} }: Ask): boolean {
  return (
    Action.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
    Resource.some((pattern) => matches(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) => holds(operator, context[key], wanted)),
    )
  );
}

function holds(operator: string, actual: string | undefined, wanted: readonly string[]): boolean {
  switch (operator) {
    case "StringEquals":
      return actual !== undefined && wanted.includes(actual);
    case "StringNotEquals":
      return actual === undefined || !wanted.includes(actual);
    case "ArnLike":
      return actual !== undefined && wanted.some((pattern) => matches(pattern, actual));
    // Of a request without the key it holds: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    case "ArnNotEquals":
      return actual === undefined || !wanted.some((pattern) => matches(pattern, actual));
    case "Bool":
      return actual !== undefined && wanted.includes(actual);
    case "Null":
      return wanted.includes(String(actual === undefined));
    case "NumericLessThan":
      return actual !== undefined && wanted.some((each) => Number(actual) < Number(each));
    case "NumericLessThanEqualsIfExists":
      return actual === undefined || wanted.some((each) => Number(actual) <= Number(each));
    default:
      throw new Error(`the condition ${operator} is not carried out here`);
  }
}

function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(text);
}
