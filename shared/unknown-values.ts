import { z } from "zod";

/**
 * Words that a later version of lifeboat writes and this one does not know: docs/format.md, "Words of later versions". A reader takes such a word as it is, says so, and takes it for nothing: not for an agreement,
 * not for a key that opens, not for good.
 */

/**
 * In types this text stands for every word that is not known, so that the compiler tells them apart, and no writer writes one by mistake. The value is the word itself: never compare it with this text.
 */
export type UnknownValue = "a value that a later version added";

/** Short, and of characters that a terminal shows. */
export const UNKNOWN_VALUE = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$/;

/** A word that is none of `known`: what begins as a known one has to be that. */
export function unknownValue(known: readonly string[]): z.ZodType<UnknownValue> {
  const schema = z
    .string()
    .regex(UNKNOWN_VALUE, "expected a word")
    .refine((word) => !known.includes(word), { abort: true });
  // The parse boundary of the stand-in above.
  return schema as unknown as z.ZodType<UnknownValue>;
}

/** One of the words, or a later one. */
export function knownOrUnknown<const Words extends readonly [string, ...string[]]>(words: Words): z.ZodType<Words[number] | UnknownValue> {
  return z.union([z.enum(words), unknownValue(words)]);
}

/** `known`, or `other` where it is of a later version. What is wrong is told by what `known` says of it. */
export function orUnknown<Known extends z.ZodType, Other extends z.ZodType>(known: Known, other: Other): z.ZodUnion<[Known, Other]> {
  return z.union([known, other], { error: (issue) => firstIssueIn(issue) });
}

function firstIssueIn(issue: { readonly code?: string | undefined; readonly errors?: unknown }): string | undefined {
  if (issue.code !== "invalid_union" || !Array.isArray(issue.errors)) return undefined;
  const [first] = issue.errors as readonly (readonly z.core.$ZodIssue[])[];
  const [found] = first ?? [];
  return found === undefined ? undefined : `${found.path.join(".")}${found.path.length === 0 ? "" : ": "}${found.message}`;
}

/** How a person is told of one. */
export function describeValue(known: readonly string[], word: string): string {
  return known.includes(word) ? word : `${word} (of a later version)`;
}
