import type { EntryFilter } from "./match-table.ts";

/** Whether a user key is looked for: its bytes lie from `start` up to `end`. */
export type KeyTest = EntryFilter["matches"];

export const everyKey: KeyTest = () => true;

export function keyIs(key: Uint8Array): KeyTest {
  const begins = keyBeginsWith(key);
  return (bytes, start, end) => end - start === key.length && begins(bytes, start, end);
}

export function keyBeginsWith(prefix: Uint8Array): KeyTest {
  const { length } = prefix;
  return (bytes, start, end) => {
    if (end - start < length) return false;
    // From the end: keys have their beginnings in common.
    for (let index = length - 1; index >= 0; index--) if (bytes[start + index] !== prefix[index]) return false;
    return true;
  };
}

/** Whether `text` says more than a prefix. */
export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/** Keys that fit `glob` from end to end: `*` is any bytes but `/`, `**` any at all, `?` one that is no `/`. */
export function keyFits(glob: string): KeyTest {
  // One character a byte, on both sides.
  const text = Buffer.from(glob).toString("latin1");
  const literal = Buffer.from(/^[^*?]*/.exec(text)?.[0] ?? "", "latin1");
  const begins = keyBeginsWith(literal);
  const tokens = text.slice(literal.length).match(/\*\*|\*|\?|[^*?]+/g) ?? [];
  const rest = new RegExp(`^${tokens.map(patternOf).join("")}$`, "s");
  return (bytes, start, end) =>
    begins(bytes, start, end) &&
    rest.test(Buffer.from(bytes.buffer, bytes.byteOffset + start + literal.length, end - start - literal.length).toString("latin1"));
}

function patternOf(token: string): string {
  if (token === "**") return ".*";
  if (token === "*") return "[^/]*";
  if (token === "?") return "[^/]";
  return token.replaceAll(/[\\^$.+()[\]{}|/]/g, String.raw`\$&`);
}
