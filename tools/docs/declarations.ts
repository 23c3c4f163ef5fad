/**
 * What a module exports, read from the text of its TypeScript: names, docstrings and types as they are written. The compiler's own API is not to be relied on in TypeScript 7; the sources are formatted
 * by oxfmt and say the type of each member, so a line tells where a declaration begins and an indentation where it ends.
 */

/** A docstring without its stars, and what its tags say. */
export interface Doc {
  readonly text: string;
  /** After `@default`. */
  readonly default: string | undefined;
}

export interface Member {
  readonly name: string;
  readonly isOptional: boolean;
  /** As it is written, on one line. */
  readonly type: string;
  readonly doc: Doc;
}

export interface Method {
  /** `static fromAttributes(attributes: Attributes): ISnapshotVault`. */
  readonly signature: string;
  readonly doc: Doc;
}

export type Declaration =
  | { readonly kind: "interface"; readonly name: string; readonly doc: Doc; readonly heritage: string; readonly members: readonly Member[] }
  | {
      readonly kind: "class";
      readonly name: string;
      readonly doc: Doc;
      readonly heritage: string;
      /** Of the constructor, as they are written. */
      readonly parameters: string;
      readonly members: readonly Member[];
      readonly methods: readonly Method[];
    }
  | { readonly kind: "function"; readonly name: string; readonly doc: Doc; readonly signature: string }
  | { readonly kind: "type"; readonly name: string; readonly doc: Doc; readonly type: string };

const NO_DOC: Doc = { text: "", default: undefined };

/** The declaration of what `source` exports as `name`. Throws where there is none. */
export function declarationOf(source: string, name: string): Declaration {
  const head = new RegExp(`^export (?:async )?(class|interface|function|type) ${name}\\b`, "m").exec(source);
  if (head === null) throw new Error(`no export ${name}`);
  const doc = docBefore(source, head.index);
  const from = source.slice(head.index);
  switch (head[1] ?? "") {
    case "interface":
      return { kind: "interface", name, doc, heritage: heritageIn(from), members: membersOf(bodyOf(from)) };
    case "class":
      return classOf(name, doc, from);
    case "function":
      return { kind: "function", name, doc, signature: oneLine(from.slice("export ".length, from.indexOf(" {\n"))).replace(/^async /, "") };
    default:
      return { kind: "type", name, doc, type: oneLine(withoutDocs(upToSemicolon(from.slice(from.indexOf("=") + 1)))) };
  }
}

function classOf(name: string, doc: Doc, from: string): Declaration {
  const body = bodyOf(from);
  const constructorAt = body.indexOf("\n  constructor(");
  const methods = Array.from(body.matchAll(/^ {2}(?:static )?[a-z]\w*\(/gm))
    .filter(([start]) => start.trim() !== "constructor(")
    .map(({ index }) => ({ signature: oneLine(body.slice(index, body.indexOf(" {\n", index))), doc: docBefore(body, index) }));
  return {
    kind: "class",
    name,
    doc,
    heritage: heritageIn(from),
    parameters: constructorAt < 0 ? "" : parametersIn(body.slice(constructorAt + "\n  constructor(".length)),
    members: membersOf(body),
    methods,
  };
}

/** `extends Construct implements ISnapshotVault`, or nothing. */
function heritageIn(from: string): string {
  return /^export \w+ \w+ (.*?) ?\{/.exec(from)?.[1] ?? "";
}

/** Between the braces of a declaration at the margin. */
function bodyOf(from: string): string {
  return from.slice(from.indexOf("{") + 1, from.indexOf("\n}\n"));
}

/** `readonly name?: type;`, two spaces from the margin; nothing private, nothing that is assigned in place. */
function membersOf(body: string): readonly Member[] {
  return Array.from(body.matchAll(/^ {2}readonly (\w+)(\??):/gm), (match) => {
    const [whole, name = "", optional] = match;
    const type = oneLine(withoutDocs(upToSemicolon(body.slice(match.index + whole.length))));
    return { name, isOptional: optional === "?", type, doc: docBefore(body, match.index) };
  });
}

/** Up to the semicolon that is in no bracket. */
function upToSemicolon(text: string): string {
  let depth = 0;
  for (const { 0: each, index } of text.matchAll(/[{}()[\];]/g)) {
    if (each === ";" && depth === 0) return text.slice(0, index);
    if ("{([".includes(each)) depth += 1;
    if ("})]".includes(each)) depth -= 1;
  }
  throw new Error(`no end of ${text.slice(0, 60)}`);
}

function parametersIn(text: string): string {
  const end = /\) \{\n/.exec(text)?.index ?? 0;
  // `{ a, b }: Props` is called props in the page.
  return oneLine(text.slice(0, end)).replace(/\{[^}]*\}: (\w+)( = \{\})?,?$/, (_, type: string, initial?: string) =>
    initial === undefined ? `props: ${type}` : `props?: ${type}`,
  );
}

/** The docstring that ends right before `index`. */
function docBefore(source: string, index: number): Doc {
  const before = source.slice(0, index).trimEnd();
  if (!before.endsWith("*/")) return NO_DOC;
  const lines = before
    .slice(before.lastIndexOf("/**") + "/**".length, -"*/".length)
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim());
  const [text = "", tag] = lines.join("\n").split("\n@default ");
  return { text: oneLine(text), default: tag === undefined ? undefined : oneLine(tag) };
}

function withoutDocs(text: string): string {
  return text.replaceAll(/\/\*\*[\s\S]*?\*\//g, "");
}

function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/([({[]) (?=\w+\??:|\.\.\.)/g, (all, open: string) => (open === "(" ? open : all))
    .replaceAll(/,? \)/g, ")")
    .replace(/^ ?\| /, "")
    .trim();
}
