import { LifeboatError } from "../errors.ts";

/**
 * The files of a bundle that bash reads: a `KEY=value` a line. Nothing is quoted or escaped, so that `${line%%=*}` and `${line#*=}` give the two, and no shell evaluates anything. docs/format.md, "Restore bundles".
 */

export type KeyValues = readonly (readonly [key: string, value: string])[];

const KEY = /^[A-Z][A-Z0-9_]{0,63}$/;
/** Printable ASCII without blanks at its ends. */
const VALUE = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;
const MAX_LINE = 4096;
export const MAX_KEY_VALUES = 64 * 1024;

/** A value that some other text becomes: one line of printable ASCII. */
export function plainText(text: string): string {
  return text
    .replaceAll(/[^ -~]+/g, "?")
    .trim()
    .slice(0, MAX_LINE / 2);
}

/** Throws for a key or value that cannot stand in such a file. */
export function renderKeyValues(values: KeyValues): Uint8Array {
  for (const [key, value] of values) {
    if (!KEY.test(key) || !VALUE.test(value) || key.length + value.length >= MAX_LINE)
      throw new Error(`${key} cannot be written with the value ${JSON.stringify(value)}`);
  }
  if (new Set(values.map(([key]) => key)).size !== values.length) throw new Error("a key stands twice");
  return Buffer.from(values.map(([key, value]) => `${key}=${value}\n`).join(""), "latin1");
}

/** What a file says, by key. Throws `verify/format` for one that `renderKeyValues` would not have written. `name` is for the message. */
export function parseKeyValues(bytes: Uint8Array, name: string): ReadonlyMap<string, string> {
  const refused = (why: string): LifeboatError => new LifeboatError("verify/format", `${name} is not KEY=value lines: ${why}`);
  if (bytes.length > MAX_KEY_VALUES) throw refused(`it is larger than ${MAX_KEY_VALUES} bytes`);
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  if (lines.pop() !== "") throw refused("its last line has no end");
  const values = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const equals = line.indexOf("=");
    const [key, value] = [line.slice(0, Math.max(equals, 0)), line.slice(equals + 1)];
    if (equals < 0 || !KEY.test(key) || !VALUE.test(value) || line.length > MAX_LINE) throw refused(`line ${index + 1}`);
    if (values.has(key)) throw refused(`${key} is there twice`);
    values.set(key, value);
  }
  return values;
}
