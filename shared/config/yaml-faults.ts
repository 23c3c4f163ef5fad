import { isAlias, isCollection, isScalar, visit } from "yaml";
import type { Document, ErrorCode, LineCounter, YAMLError } from "yaml";

/** What is wrong with a file as YAML, in our words: where it begins, rather than where the parser noticed. */

export interface Fault {
  readonly line: number;
  readonly message: string;
}

/** The first fault of a document that was parsed from `text`: what comes after it only follows from it. Undefined where there is none. */
export function firstFault(document: Document, text: string, lines: LineCounter): Fault | undefined {
  if (text.includes("\0")) return { line: 1, message: "this is not a text file" };
  const [error] = document.errors;
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  if (error !== undefined) {
    const [at] = error.pos;
    return (
      openQuote(document, text, lines, at) ??
      (isUnclosed(error) ? openBracket(document, text, lineAt, at) : undefined) ?? { line: lineAt(at), message: wordsOf(error, text) }
    );
  }
  const [warning] = document.warnings;
  if (warning?.code === "TAG_RESOLVE_FAILED") {
    const tag = /^!\S*/.exec(text.slice(warning.pos[0]))?.[0] ?? "!";
    return { line: lineAt(warning.pos[0]), message: `${tag} is a tag that means nothing here; put a value that begins with ! in quotes` };
  }
  return danglingAlias(document, lineAt);
}

/** A quoted value that begins before `before` and goes on over the next lines: no setting has such a one, so its end was forgotten. */
export function openQuote(document: Document, text: string, lines: LineCounter, before = Infinity): Fault | undefined {
  let found: Fault | undefined;
  visit(document, {
    Scalar(_key, { type, range }) {
      if ((type !== "QUOTE_DOUBLE" && type !== "QUOTE_SINGLE") || !range || range[0] > before) return undefined;
      const [start, end] = range;
      const quote = type === "QUOTE_DOUBLE" ? '"' : "'";
      const isClosed = end - start > 1 && text[end - 1] === quote;
      const { line } = lines.linePos(start);
      if (isClosed && lines.linePos(end - 1).line === line) return undefined;
      found = { line, message: `a quote (${quote}) is opened here and not closed on this line` };
      return visit.BREAK;
    },
  });
  return found;
}

function isUnclosed({ message }: YAMLError): boolean {
  return /^Flow (map|sequence) /.test(message);
}

/** The innermost { or [ that is still open at `at`. */
function openBracket(document: Document, text: string, lineAt: (offset: number) => number, at: number): Fault | undefined {
  let start = -1;
  visit(document, {
    Collection(_key, { flow, range }) {
      if (flow === true && range && range[0] < at && range[0] > start && range[1] >= at - 1) start = range[0];
    },
  });
  return start < 0 ? undefined : { line: lineAt(start), message: `a ${text[start]} is opened here and not closed` };
}

function danglingAlias(document: Document, lineAt: (offset: number) => number): Fault | undefined {
  const anchors = new Set<string>();
  let found: Fault | undefined;
  visit(document, (_key, node) => {
    if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) anchors.add(node.anchor);
    if (!isAlias(node) || anchors.has(node.source)) return undefined;
    found = { line: lineAt(node.range?.[0] ?? 0), message: `*${node.source} refers to nothing; put a value that begins with * in quotes` };
    return visit.BREAK;
  });
  return found;
}

const WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  MULTIPLE_DOCS: "a second document begins here (---); the file must hold one only",
  TAB_AS_INDENT: "a tab is at the beginning of the line, where YAML takes spaces only",
  BAD_INDENT: "the line does not begin at the same column as the settings beside it",
  BLOCK_AS_IMPLICIT_KEY: "there is a second colon or a wrong indentation; put a value that holds a colon and a space in quotes",
  MULTILINE_IMPLICIT_KEY: "this is not a setting: a setting is a name, a colon, a space and a value",
  BAD_DQ_ESCAPE: "a backslash within double quotes begins an escape; put the value in single quotes",
  UNEXPECTED_TOKEN: "this is not expected here; check whether a bracket or quote before it is closed twice or too early",
  BAD_DIRECTIVE: "a line that begins with % has no place here",
};

function wordsOf({ code, pos: [at], message }: YAMLError, text: string): string {
  if (code === "DUPLICATE_KEY") return `${/^[^\s:]+/.exec(text.slice(at))?.[0] ?? "a setting"} is set twice in the same place`;
  if (code === "BAD_SCALAR_START") return `a value that begins with ${text[at]} must stand in quotes`;
  return WORDS[code] ?? `this is not YAML: ${message.split("\n", 1)[0]}`;
}
