import { z } from "zod";

/** What a bucket's policy forbids. Grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */

const list = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const value = z.union([z.string(), z.boolean(), z.number()]).transform(String);
const statementSchema = z.object({
  Effect: z.string(),
  Principal: z.union([z.string(), z.record(z.string(), list)]).optional(),
  Action: list.optional(),
  Resource: list.optional(),
  Condition: z.record(z.string(), z.record(z.string(), z.union([value.transform((one) => [one]), z.array(value)]))).default({}),
});
const policySchema = z.object({ Statement: z.union([statementSchema.transform((one) => [one]), z.array(statementSchema)]) });

export type Statement = z.infer<typeof statementSchema>;

/** Its statements; undefined where the text is no policy that is understood here. */
export function parsePolicy(text: string): readonly Statement[] | undefined {
  try {
    return policySchema.parse(JSON.parse(text)).Statement;
  } catch {
    return undefined;
  }
}

/** Whether a request without TLS is refused for everybody: reading and writing, of what is under `arn`. */
export function deniesPlainHttp(statements: readonly Statement[], arn: string): boolean {
  return statements.some(
    (statement) =>
      deniesEverybody(statement, arn) &&
      ["s3:GetObject", "s3:PutObject"].every((action) => covers(statement.Action, action)) &&
      conditionsOf(statement).every(
        ({ operator, key, values }) => /^bool(ifexists)?$/.test(operator) && key === "aws:securetransport" && values.includes("false"),
      ) &&
      conditionsOf(statement).length > 0,
  );
}

/**
 * Whether a put that would replace what is under `arn` is refused for everybody: one without If-None-Match, the parts of an upload apart, which make no object.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
export function deniesReplacing(statements: readonly Statement[], arn: string): boolean {
  return statements.some((statement) => {
    const conditions = conditionsOf(statement);
    const demandsCondition = conditions.some(
      ({ operator, key, values }) => operator === "null" && key === "s3:if-none-match" && values.includes("true"),
    );
    const rest = conditions.filter(({ key }) => key !== "s3:if-none-match");
    const exemptsPartsOnly = rest.every(
      ({ operator, key, values }) => operator === "bool" && key === "s3:objectcreationoperation" && values.includes("true"),
    );
    return deniesEverybody(statement, arn) && covers(statement.Action, "s3:PutObject") && demandsCondition && exemptsPartsOnly;
  });
}

function deniesEverybody({ Effect, Principal, Resource }: Statement, arn: string): boolean {
  const isEverybody =
    Principal === "*" ||
    (typeof Principal === "object" && Object.entries(Principal).some(([kind, ids]) => kind === "AWS" && ids.includes("*")));
  return Effect === "Deny" && isEverybody && covers(Resource?.map(inOnePartition), inOnePartition(arn));
}

interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** Names of operators and keys are not case-sensitive. */
function conditionsOf({ Condition }: Statement): readonly Condition[] {
  return Object.entries(Condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => ({
      operator: operator.toLowerCase(),
      key: key.toLowerCase(),
      values: values.map((each) => each.toLowerCase()),
    })),
  );
}

function covers(patterns: readonly string[] | undefined, text: string): boolean {
  return patterns?.some((pattern) => patternToRegExp(pattern).test(text)) ?? false;
}

function patternToRegExp(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "i");
}

/** `arn:aws-cn:...` stands in the policies of China; the bucket is the same. */
function inOnePartition(arn: string): string {
  return arn.replace(/^arn:aws[a-z-]*:/, "arn:aws:");
}
