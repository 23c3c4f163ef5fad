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

/** What a request is about. `context` are condition keys: those with several values as a list, and tags of the caller's session as `aws:PrincipalTag/NAME`. */
export interface Ask {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
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

const trusting = z.object({ AWS: z.string().optional(), Service: z.string().optional() }).strict();

/**
 * Whether a role's trust policy lets `principal` (a role's ARN, or a service) assume it with these session tags. With tags it must allow sts:TagSession as well: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
 */
export function mayAssume(
  role: string,
  template: Template,
  templates: readonly Template[],
  { principal, tags }: { readonly principal: string; readonly tags: Readonly<Record<string, string>> },
): boolean {
  const statements = statementsIn(template.Resources[role]?.Properties["AssumeRolePolicyDocument"], templates).filter(({ Principal }) =>
    Object.values(trusting.parse(Principal)).includes(principal),
  );
  const context = {
    ...Object.fromEntries(Object.entries(tags).map(([name, value]) => [`aws:RequestTag/${name}`, value])),
    ...(Object.keys(tags).length === 0 ? {} : { "aws:TagKeys": Object.keys(tags) }),
  };
  // A trust policy is about its own role, and names none.
  const of = statements.map((each) => ({ ...each, Resource: ["*"] }));
  const actions = Object.keys(tags).length === 0 ? ["sts:AssumeRole"] : ["sts:AssumeRole", "sts:TagSession"];
  return actions.every((action) => isAllowed(of, { action, resource: role, context }));
}

function applies({ Action, Resource = [], Condition }: Statement, { action, resource, context = {} }: Ask): boolean {
  return (
    Action.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
    Resource.some((pattern) => matchesWith(pattern, resource, context)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) => holdsOfAll(operator, context[key], valuesWith(wanted, context))),
    )
  );
}

const VARIABLE = /\$\{(aws:[^}]+)\}/g;

/** A pattern in which variables stand for what the request says, letter by letter: a star in a value is no wildcard. One with a variable that the request does not have matches nothing. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */
function matchesWith(pattern: string, text: string, context: NonNullable<Ask["context"]>): boolean {
  const names = [...pattern.matchAll(VARIABLE)].map(([, name = ""]) => name);
  const said = names.map((name) => context[name]);
  if (said.some((value) => typeof value !== "string")) return false;
  const parts = pattern.split(/\$\{aws:[^}]+\}/).map(sourceOf);
  const source = parts.map((part, index) => (index === 0 ? part : `${literal(String(said[index - 1]))}${part}`)).join("");
  return new RegExp(`^${source}$`, "s").test(text);
}

/** The same of a condition's values, none of which has wildcards beside. */
function valuesWith(wanted: readonly string[], context: NonNullable<Ask["context"]>): readonly string[] {
  return wanted.flatMap((value) => {
    const names = [...value.matchAll(VARIABLE)].map(([, name = ""]) => name);
    if (names.some((name) => typeof context[name] !== "string")) return [];
    return [value.replaceAll(VARIABLE, (_, name: string) => String(context[name]))];
  });
}

function holdsOfAll(operator: string, actual: string | readonly string[] | undefined, wanted: readonly string[]): boolean {
  const ofAll = /^ForAllValues:(.+)$/.exec(operator)?.[1];
  // Of a request without the key it holds.
  if (ofAll !== undefined) return [actual ?? []].flat().every((each) => holds(ofAll, each, wanted));
  if (typeof actual === "object") throw new Error(`${operator} of several values is not carried out here`);
  return holds(operator, actual, wanted);
}

function holds(operator: string, actual: string | undefined, wanted: readonly string[]): boolean {
  switch (operator) {
    case "StringLike":
      return actual !== undefined && wanted.some((pattern) => matches(pattern, actual));
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
  return new RegExp(`^${sourceOf(pattern)}$`, "s").test(text);
}

function sourceOf(pattern: string): string {
  return literal(pattern).replaceAll("\\*", ".*").replaceAll("\\?", ".");
}

function literal(text: string): string {
  return text.replaceAll(/[.+^${}()|[\]\\*?]/g, "\\$&");
}
