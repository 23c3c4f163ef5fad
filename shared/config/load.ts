import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import type { Document, Node } from "yaml";
import type { z } from "zod";
import { isLifeboatError, LifeboatError, messageOf } from "../errors.ts";
import { errnoOf } from "../folders.ts";
import { checkBreakGlass } from "../seal/age-recipients.ts";
import { issueWords } from "./issue-words.ts";
import { configSchema } from "./schema.ts";
import type { Config } from "./schema.ts";
import { firstFault, openQuote } from "./yaml-faults.ts";
import type { Fault } from "./yaml-faults.ts";

export interface LoadedConfig {
  readonly config: Config;
  /** The file, as it was named. */
  readonly file: string;
  /** What relative paths in it are relative to. */
  readonly directory: string;
}

/** Reads lifeboat.yaml at `path`; `file` is how messages name it. Throws `config/not-found`, or `config/invalid` naming file, line and setting of everything that is wrong. */
export async function loadConfig(path: string, file: string = path): Promise<LoadedConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "EISDIR")
      throw new LifeboatError("config/not-found", `${file} is a folder, not a configuration file`, {
        hint: "name the file in it with --config FILE",
        cause: error,
      });
    const absent = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new LifeboatError(
      "config/not-found",
      absent ? `configuration ${file} not found` : `cannot read the configuration ${file}: ${messageOf(error)}`,
      {
        hint: absent ? "make one with lifeboat init, or name one with --config FILE" : "check the path and its permissions",
        cause: error,
      },
    );
  }
  return { config: parseConfig(text, file), file, directory: dirname(resolve(path)) };
}

/** `file` is for messages only. Throws `config/invalid`. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fault = firstFault(document, text, lines);
  if (fault !== undefined) throw invalid([describeFault(file, fault)]);
  const value = valueOf(document, file);
  const parsed = configSchema.safeParse(value, { error: issueWords });
  const at = (path: readonly PropertyKey[]): string =>
    `${file}:${lineOf(document, lines, path)}: ${path.length === 0 ? "" : `${path.join(".")}: `}`;
  if (!parsed.success) {
    // A quote that swallowed the next lines is why these are missing.
    const quote = openQuote(document, text, lines);
    const problems = parsed.error.issues.flatMap(leaves).map((issue) => `${at(pathOf(issue))}${issue.message}`);
    throw invalid(quote === undefined ? problems : [describeFault(file, quote), ...problems]);
  }
  try {
    checkBreakGlass(parsed.data.breakGlass);
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    throw new LifeboatError("config/invalid", `${at(["breakGlass"])}${error.message}`, { hint: error.hint, cause: error });
  }
  return parsed.data;
}

function describeFault(file: string, { line, message }: Fault): string {
  return `${file}:${line}: ${message}`;
}

/** What the file says, which must be settings. */
function valueOf(document: Document, file: string): object {
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

function invalid(problems: readonly string[], cause?: unknown): LifeboatError {
  return new LifeboatError("config/invalid", problems.join("\n"), {
    hint: "docs/cli.md lists every setting; lifeboat init writes a complete example",
    cause,
  });
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
