/** So long may the reason of a subject be. */
const REASON_LENGTH = 300;

/** All reasons of a decision in one line; the first ones where they are too many. */
export function reasonText(reasons: readonly { readonly text: string }[]): string {
  const text = [...new Set(reasons.map((each) => each.text))].join("; ");
  return text.length <= REASON_LENGTH ? text : `${text.slice(0, REASON_LENGTH - 3)}...`;
}
