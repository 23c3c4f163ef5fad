import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import type { Document, Node } from "yaml";
import type { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { FEW_TIMES } from "../zod-pace.ts";
import { issueWords } from "./issue-words.ts";
import { firstFault, openQuote } from "./yaml-faults.ts";
import type { Fault } from "./yaml-faults.ts";

/** What a file says, and where in it each setting is. */
export interface ParsedFile<T> {
  readonly data: T;
  /** The same as it was written: no default is in it, and nothing is converted. */
  readonly written: object;
  /** `FILE:LINE` of a setting. */
  readonly placeOf: (path: readonly PropertyKey[]) => string;
  /** `FILE:LINE: SETTING: `, for a message about one setting. */
  readonly at: (path: readonly PropertyKey[]) => string;
}

/** Reads YAML that `schema` describes. `file` is for messages only, `hint` for all of them. Throws `config/invalid` naming file, line and setting of everything that is wrong. */
export function parseSettings<S extends z.ZodType>(schema: S, text: string, file: string, hint: string): ParsedFile<z.output<S>> {
  const invalid = (problems: readonly string[], cause?: unknown): LifeboatError =>
    new LifeboatError("config/invalid", problems.join("\n"), { hint, cause });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fault = firstFault(document, text, lines);
  if (fault !== undefined) throw invalid([describeFault(file, fault)]);
  const value = valueOf(document, file, invalid);
  const parsed = schema.safeParse(value, { ...FEW_TIMES, error: issueWords });
  const placeOf = (path: readonly PropertyKey[]): string => `${file}:${lineOf(document, lines, path)}`;
  const at = (path: readonly PropertyKey[]): string => `${placeOf(path)}: ${path.length === 0 ? "" : `${path.join(".")}: `}`;
  if (parsed.success) return { data: parsed.data, written: value, placeOf, at };
  // A quote that swallowed the next lines is why these are missing.
  const quote = openQuote(document, text, lines);
  const problems = parsed.error.issues.flatMap(leaves).map((issue) => `${at(pathOf(issue))}${issue.message}`);
  throw invalid(quote === undefined ? problems : [describeFault(file, quote), ...problems]);
}

function describeFault(file: string, { line, message }: Fault): string {
  return `${file}:${line}: ${message}`;
}

/** What the file says, which must be settings. */
function valueOf(document: Document, file: string, invalid: (problems: readonly string[], cause?: unknown) => LifeboatError): object {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    throw invalid([`${file}:1: aliases (*name) repeat too much of the file`], error);
  }
  if (value === null || value === undefined) throw invalid([`${file}:1: the file is empty`]);
  if (typeof value === "object" && !Array.isArray(value)) return value;
  throw invalid([`${file}:1: expected settings (name: value), found ${Array.isArray(value) ? "a list" : "text without a setting"}`]);
}

/** A record's bad key hides its reason one level down. */
function leaves(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  return issue.code === "invalid_key" ? issue.issues.map((inner) => ({ ...inner, path: issue.path })) : [issue];
}

/** An unknown setting is reported on the object that holds it: point at the setting itself. */
function pathOf(issue: z.core.$ZodIssue): readonly PropertyKey[] {
  return issue.code === "unrecognized_keys" && issue.keys[0] !== undefined ? [...issue.path, issue.keys[0]] : issue.path;
}

/** The line of the setting at `path`, or of the nearest thing around it that is there. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    const pair = isMap(parent)
      ? parent.items.find((item) => (isScalar(item.key) ? String(item.key.value) : item.key) === String(key))
      : undefined;
    const node = (pair?.key ?? document.getIn(path.slice(0, depth), true)) as Node | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
