import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";

/** The known name nearest to `word`, where it is near enough to be what was meant. */
export function suggestion(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const nearest = closest(
    word.toLowerCase(),
    known.map((name) => name.toLowerCase()),
  );
  const original = known.find((name) => name.toLowerCase() === nearest);
  const edits = distance(word.toLowerCase(), nearest);
  // At most half the word: "endpoint" finds "endpoints" and "prdo" finds "prod", "foo" finds nothing.
  return edits <= 3 && edits * 2 <= word.length ? original : undefined;
}

/** What to say to a person who typed `word` where one of `known` was expected: the nearest, else all; undefined where there is none. */
export function namesHint(word: string, known: readonly string[]): string | undefined {
  const near = suggestion(word, known);
  if (near !== undefined) return `did you mean ${near}?`;
  return known.length === 0 ? undefined : `configured: ${known.join(", ")}`;
}

/** An object of settings: an unknown name is an error that says which was probably meant, or which there are. */
export function settings<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return undefined;
      return issue.keys
        .map((key) => {
          const near = suggestion(key, known);
          return `unknown setting "${key}"; ${near === undefined ? `known here: ${known.join(", ")}` : `did you mean "${near}"?`}`;
        })
        .join("; ");
    },
  });
}
