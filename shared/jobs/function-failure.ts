import { FAILURES } from "../contract/service.ts";
import { errorCodeOf, LifeboatError } from "../errors.ts";

/**
 * What a function of the service threw, as the command itself would have: by its own code where that is a LifeboatError's, else `service/failed`. `message` is the sentence, and on a second line `hint: ` and what to do next where that is
 * known; `what` failed, and `look` says where more is to be seen.
 */
export function functionFailure(
  { error, message }: { readonly error: string; readonly message: string },
  { what, look }: { readonly what: string; readonly look: string },
): LifeboatError {
  const [sentence = "", hint] = message.split("\nhint: ", 2);
  const code = errorCodeOf(error);
  if (code !== undefined && sentence !== "") return new LifeboatError(code, sentence, hint === undefined ? {} : { hint });
  const reason = [error, sentence].filter((each) => each !== "").join(": ");
  return new LifeboatError("service/failed", `${what} failed${reason === "" ? "" : `: ${reason}`}`, {
    hint: hint ?? (error === FAILURES.unexpected ? "see the function's log, and report it" : look),
  });
}
