import { printable } from "../format.ts";

/** Text that is markup already: made by `markup` alone. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = Markup | string | number | undefined | readonly Value[];

/** Markup with values in it. A string becomes text, in an element or in a quoted attribute, and never markup; of undefined nothing is left. */
export function markup(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  let text = parts[0] ?? "";
  for (const [index, value] of values.entries()) text += textOf(value) + (parts[index + 1] ?? "");
  return new Markup(text);
}

function textOf(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === "string") return escape(value);
  if (typeof value === "number") return String(value);
  return value === undefined ? "" : value.map(textOf).join("");
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** What has no shape of its own, and changes how its neighbours look: with it one name is made to look like another. */
const INVISIBLE = /[\u00ad\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Control and invisible characters are shown by their numbers. */
function escape(text: string): string {
  if (/^[\w .:/-]*$/.test(text)) return text;
  return printable(text.toWellFormed())
    .replaceAll(INVISIBLE, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`)
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
