import { z } from "zod";

/** A synthesized template, as far as tests look into it. */

const resource = z.object({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
  UpdateReplacePolicy: z.string().optional(),
});
const schema = z.object({
  Resources: z.record(z.string(), resource),
  Outputs: z.record(z.string(), z.object({ Value: z.unknown(), Export: z.object({ Name: z.string() }).optional() })).default({}),
});

export type Resource = z.infer<typeof resource>;
export type Template = z.infer<typeof schema>;

export function parseTemplate(template: unknown): Template {
  return schema.parse(template);
}

/** Resources of a type by their logical id. */
export function ofType(template: Template, type: string): readonly (readonly [id: string, resource: Resource])[] {
  return Object.entries(template.Resources).filter(([, { Type }]) => Type === type);
}

/** The one resource of its type whose logical id begins so. */
export function theOne(template: Template, type: string, beginning = ""): readonly [id: string, resource: Resource] {
  const found = ofType(template, type).filter(([id]) => id.startsWith(beginning));
  const [one] = found;
  if (one === undefined || found.length > 1) throw new Error(`${found.length} resources ${type} begin with "${beginning}" in place of one`);
  return one;
}

/**
 * A value with CloudFormation's functions carried out, as far as a text can stand for what only a deployment knows: `${Id}` for Ref, `${Id.Arn}` for GetAtt, in other
 * templates than this one's too (`templates` are all there are).
 */
export function resolve(value: unknown, templates: readonly Template[]): unknown {
  if (Array.isArray(value)) return value.map((each) => resolve(each, templates));
  if (typeof value !== "object" || value === null) return value;
  const [entry, ...more]: [string, unknown][] = Object.entries(value);
  if (entry !== undefined && more.length === 0) {
    const [name, argument] = entry;
    if (name === "Ref") return PSEUDO[String(argument)] ?? `\${${String(argument)}}`;
    if (name === "Fn::GetAtt") return `\${${z.array(z.string()).parse(argument).join(".")}}`;
    if (name === "Fn::Join") {
      const [by, parts] = z.tuple([z.string(), z.array(z.unknown())]).parse(argument);
      return parts.map((each) => String(resolve(each, templates))).join(by);
    }
    if (name === "Fn::Sub")
      return z
        .string()
        .parse(argument)
        .replaceAll(/\$\{(AWS::\w+)\}/g, (_, pseudo: string) => PSEUDO[pseudo] ?? pseudo);
    if (name === "Fn::ImportValue") return resolve(exportNamed(String(argument), templates), templates);
    if (name.startsWith("Fn::")) throw new Error(`${name} is not carried out here`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each, templates)]));
}

const PSEUDO: Readonly<Record<string, string>> = {
  "AWS::Partition": "aws",
  "AWS::Region": "eu-central-1",
  "AWS::AccountId": "123456789012",
  "AWS::URLSuffix": "amazonaws.com",
};

function exportNamed(name: string, templates: readonly Template[]): unknown {
  for (const { Outputs } of templates) for (const { Value, Export } of Object.values(Outputs)) if (Export?.Name === name) return Value;
  throw new Error(`no template exports ${name}`);
}
