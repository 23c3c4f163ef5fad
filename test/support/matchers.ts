import { expect } from "vitest";

/** Matches any text that holds `part`. vitest's own matcher is typed `any`, which the lint keeps out of objects. */
export function saying(part: string): unknown {
  return expect.stringContaining(part);
}

/** Matches any text. */
export const anyText: unknown = expect.any(String);

/** Matches any text that fits `pattern`. */
export function fitting(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}
