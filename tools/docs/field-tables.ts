import { z } from "zod";
import { UNKNOWN_VALUE } from "../../shared/unknown-values.ts";
import { DOCUMENTS } from "../../shared/contract/documents.ts";
import type { DocumentName } from "../../shared/contract/documents.ts";

/** The field tables of docs/cli.md, from the schemas of the documents that `--json` prints (shared/contract). */

/** A node of a JSON Schema, as far as documents have them; `title` and `document` are what `.meta()` says. */
const nodeSchema = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  title: z.string().optional(),
  document: z.string().optional(),
  description: z.string().optional(),
  format: z.string().optional(),
  pattern: z.string().optional(),
  const: z.union([z.string(), z.number(), z.boolean()]).optional(),
  enum: z.array(z.union([z.string(), z.number(), z.null()])).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
});

type Node = z.infer<typeof nodeSchema>;

interface Row {
  readonly path: string;
  readonly type: string;
  readonly meaning: string;
}

const OPEN = /^<!-- fields of ([\w-]+): npm run docs -->$/gm;
const CLOSE = "<!-- end of fields -->";

/**
 * `page` with the tables between its markers as they should be; `link` gives the place of what a field's words refer to, as seen from the page: they are written for docs/cli.md. Throws for a marker that is not
 * closed, and for one that names no document.
 */
export function withFieldTables(page: string, link: (target: string) => string = (target) => target): string {
  let made = "";
  let at = 0;
  for (const { 0: marker, 1: name = "", index } of page.matchAll(OPEN)) {
    const end = page.indexOf(CLOSE, index);
    if (end < 0) throw new Error(`${marker} is not closed by ${CLOSE}`);
    if (!isDocument(name)) throw new Error(`${marker} names no document of shared/contract`);
    made += `${page.slice(at, index)}${marker}\n${fieldTables(name).replaceAll(/\]\(([^)]+)\)/g, (_, target: string) => `](${link(target)})`)}\n`;
    at = end;
  }
  return made + page.slice(at);
}

/** The documents that no marker in any of `pages` names. */
export function withoutTable(pages: readonly string[]): readonly string[] {
  const named = new Set(pages.flatMap((page) => [...page.matchAll(OPEN)].map(([, name]) => name)));
  return Object.keys(DOCUMENTS).filter((name) => !named.has(name));
}

function isDocument(name: string): name is DocumentName {
  return Object.hasOwn(DOCUMENTS, name);
}

/** A table, or one for each form that the document has, headed by its title. */
export function fieldTables(name: DocumentName): string {
  const schema = nodeSchema.parse(z.toJSONSchema(DOCUMENTS[name], { unrepresentable: "any" }));
  const forms = schema.anyOf === undefined ? [schema] : schema.anyOf.map((each) => nodeSchema.parse(each));
  return forms
    .map((form) => {
      const rows = rowsBelow(form, "").map(({ path, type, meaning }) => `| ${nameOf(path)} | ${cell(type)} | ${cell(meaning)} |`);
      const table = ["| field | type | meaning |", "| --- | --- | --- |", ...rows].join("\n");
      return forms.length === 1 ? table : `JSON of ${form.title ?? ""}:\n\n${table}`;
    })
    .join("\n\n");
}

function rowsOf(node: Node, path: string): readonly Row[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, property]) => {
    const field = path === "" ? name : `${path}.${name}`;
    const { node: bare, isNullable, description } = unwrapped(nodeSchema.parse(property));
    if (description === undefined) throw new Error(`${field} has no description`);
    const type = `${typeOf(bare)}${isNullable ? " or null" : ""}`;
    return [{ path: field, type, meaning: description }, ...rowsBelow(bare, field)];
  });
}

/** The fields of what a field holds: an object, each of an array, or each form of a choice. */
function rowsBelow(node: Node, path: string): readonly Row[] {
  if (hasOwnSection(node)) return [];
  if (node.type === "array") {
    const { node: item } = unwrapped(nodeSchema.parse(node.items));
    return rowsBelow(item, `${path}[]`);
  }
  if (node.properties !== undefined) return rowsOf(node, path);
  const forms = choicesOf(node);
  const seen = new Set<string>();
  return forms
    .flatMap((form) => rowsBelow(form, path))
    .filter(({ path: field, type }) => {
      const isNew = !seen.has(`${field} ${type}`);
      seen.add(`${field} ${type}`);
      return isNew;
    });
}

/** What was signed is described in docs/format.md, documents of commands in the command's own section, and what was not seen once for all. */
function hasOwnSection({ document }: Node): boolean {
  return document !== undefined;
}

/** A schema of zod's `.nullable()` without it: `type: [T, "null"]`, or a choice of which one is null. */
function unwrapped(node: Node): { readonly node: Node; readonly isNullable: boolean; readonly description: string | undefined } {
  const { type, description } = node;
  if (Array.isArray(type)) {
    const other = type.find((each) => each !== "null");
    return { node: { ...node, type: other, enum: node.enum?.filter((each) => each !== null) }, isNullable: true, description };
  }
  const choices = (node.anyOf ?? []).map((each) => nodeSchema.parse(each));
  const rest = choices.filter((each) => each.type !== "null");
  const isNullable = rest.length < choices.length;
  const [only] = rest;
  if (rest.length !== 1 || only === undefined) return { node: isNullable ? { ...node, anyOf: rest } : node, isNullable, description };
  const inner = unwrapped(only);
  return { node: inner.node, isNullable: true, description: description ?? inner.description };
}

function choicesOf({ anyOf, oneOf }: Node): readonly Node[] {
  return [...(anyOf ?? []), ...(oneOf ?? [])].map((each) => nodeSchema.parse(each));
}

function typeOf(node: Node): string {
  if (node.document === "unseen") return "unseen";
  if (node.document !== undefined && node.document !== "signed") return `the document of [${node.document}](#lifeboat-${node.document})`;
  const choices = choicesOf(node);
  if (choices.length > 0) return [...new Set(choices.map((each) => nullableTypeOf(each)))].join(" or ");
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum !== undefined) return inWords(node.enum.map((each) => `\`${String(each)}\``));
  switch (node.type ?? "") {
    case "string":
      return textOf(node);
    case "integer":
      return "whole number";
    case "number":
      return "number";
    case "boolean":
      return "true or false";
    case "array": {
      const item = typeOf(unwrapped(nodeSchema.parse(node.items)).node);
      return item.startsWith("object") ? "array of objects" : `array of ${item}`;
    }
    case "object":
      return node.properties === undefined ? recordOf(node) : "object";
    default:
      return "any";
  }
}

function nullableTypeOf(node: Node): string {
  const { node: bare, isNullable } = unwrapped(node);
  return `${typeOf(bare)}${isNullable ? " or null" : ""}`;
}

function recordOf({ additionalProperties }: Node): string {
  const value = nodeSchema.safeParse(additionalProperties).data;
  return value === undefined || value.type === undefined ? "object" : `object of ${typeOf(value)}`;
}

function textOf({ format, pattern = "" }: Node): string {
  if (format === "date-time") return "time";
  if (pattern.includes("sha256:")) return "digest";
  if (pattern === UNKNOWN_VALUE.source) return "a value that a later version added";
  return pattern === "" ? "text" : "ref";
}

function inWords(parts: readonly string[]): string {
  return parts.length === 1 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} or ${parts.at(-1)}`;
}

/** The field itself as code, behind the way to it: endpoints[].`version`. */
function nameOf(path: string): string {
  const at = path.lastIndexOf(".") + 1;
  return `${path.slice(0, at)}\`${path.slice(at)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
