import type { z } from "zod";

/** What zod finds wrong with a value, in the words of a person who wrote the file. A schema's own message comes first. */
export function issueWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type")
    return `${issue.input === undefined ? "it is missing; " : ""}expected ${NAMES[issue.expected] ?? issue.expected}${found(issue.input)}`;
  if (issue.code === "invalid_value")
    return `expected ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}${found(issue.input)}`;
  if (issue.code === "too_small") {
    if (issue.origin === "string") return issue.input === "" ? "it is empty" : `expected at least ${issue.minimum} characters`;
    return issue.inclusive === true ? `expected ${issue.minimum} or more` : `expected more than ${issue.minimum}`;
  }
  if (issue.code === "too_big")
    return issue.origin === "string" ? `expected at most ${issue.maximum} characters` : `expected ${issue.maximum} or less`;
  return undefined;
}

const NAMES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "settings (name: value)",
  record: "names with settings below them",
};

function found(input: unknown): string {
  if (input === undefined) return "";
  if (input === null) return ", and there is nothing";
  if (Array.isArray(input)) return ", found a list";
  if (typeof input === "object") return ", found settings";
  // The value of a text may be a secret in the wrong place.
  return typeof input === "string" ? ", found text" : `, found ${JSON.stringify(input)}`;
}
