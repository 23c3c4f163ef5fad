import { expect, test } from "vitest";
import { declarationOf } from "../../../tools/docs/declarations.ts";

const SOURCE = `import { Construct } from "constructs";

/** Where things
 * are kept. */
export interface KeeperProps extends Props {
  /**
   * How many.
   *
   * @default as many as
   * there are
   */
  readonly count?: number | undefined;
  /** By name; or
   * { nothing }. */
  readonly things:
    | { /** Its name. */ readonly name: string }
    | undefined;
  readonly bare: string;
}

/** One of two. */
export type Either =
  | "one"
  | {
      /** The other. */
      readonly other: string;
    };

// Not a docstring.
export async function find(scope: Construct, name: string): Promise<Keeper> {
  return new Keeper(scope, name);
}

/** Keeps. */
export class Keeper extends Construct implements Kept {
  /** All of them. */
  readonly things: readonly string[];
  readonly #hidden = 1;
  private readonly other: string;

  /** From what is there. */
  static from(attributes: Attributes): Kept {
    return attributes;
  }

  constructor(scope: Construct, id: string, { count, things = [] }: KeeperProps = {}) {
    super(scope, id);
    if (count === 1) throw new Error();
  }

  #inside(): void {
    return;
  }
}
`;

const doc = (text: string, byDefault?: string): object => ({ text, default: byDefault });

test("an interface gives its members with their docstrings and defaults", () => {
  expect(declarationOf(SOURCE, "KeeperProps")).toEqual({
    kind: "interface",
    name: "KeeperProps",
    doc: doc("Where things are kept."),
    heritage: "extends Props",
    members: [
      { name: "count", isOptional: true, type: "number | undefined", doc: doc("How many.", "as many as there are") },
      { name: "things", isOptional: false, type: "{ readonly name: string } | undefined", doc: doc("By name; or { nothing }.") },
      { name: "bare", isOptional: false, type: "string", doc: doc("") },
    ],
  });
});

test("a class gives its constructor and what is public", () => {
  expect(declarationOf(SOURCE, "Keeper")).toEqual({
    kind: "class",
    name: "Keeper",
    doc: doc("Keeps."),
    heritage: "extends Construct implements Kept",
    parameters: "scope: Construct, id: string, props?: KeeperProps",
    members: [{ name: "things", isOptional: false, type: "readonly string[]", doc: doc("All of them.") }],
    methods: [{ signature: "static from(attributes: Attributes): Kept", doc: doc("From what is there.") }],
  });
});

test("a type and a function stand on one line", () => {
  expect(declarationOf(SOURCE, "Either")).toMatchObject({ kind: "type", type: '"one" | { readonly other: string; }' });
  expect(declarationOf(SOURCE, "find")).toEqual({
    kind: "function",
    name: "find",
    doc: doc(""),
    signature: "function find(scope: Construct, name: string): Promise<Keeper>",
  });
});

test("what is not exported is an error", () => {
  expect(() => declarationOf(SOURCE, "Kept")).toThrow("no export Kept");
});
