import { LifeboatError } from "../errors.ts";
import { recipientOf } from "../seal/age.ts";

/** The recipient of an X25519 identity; `code` where it is none. `name` is for the message, the identity is in none. */
export async function recipientIn(
  identity: string,
  name: string,
  code: "keys/invalid" | "verify/sealed" = "keys/invalid",
): Promise<string> {
  try {
    if (!identity.startsWith("AGE-SECRET-KEY-1")) throw new TypeError("another kind of identity");
    return await recipientOf(identity);
  } catch (cause) {
    throw new LifeboatError(code, `${name} is not an X25519 age identity (AGE-SECRET-KEY-1...)`, { cause });
  }
}
