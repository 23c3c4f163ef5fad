import { LifeboatError } from "../errors.ts";

/** As many characters as a person needs to say why; no document of format version 1 takes more. */
const LONGEST_REASON = 1000;

/** Why a person does something, without the blanks around it. Throws `usage` where that is empty or too long. */
export function requireReason(reason: string): string {
  const text = reason.trim();
  if (text === "" || text.length > LONGEST_REASON)
    throw new LifeboatError("usage", `the reason has ${text.length} characters`, { hint: `give one of 1 to ${LONGEST_REASON}` });
  return text;
}
