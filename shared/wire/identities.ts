import { readFile } from "node:fs/promises";
import { LifeboatError, isLifeboatError, messageOf } from "../errors.ts";
import { errnoOf } from "../folders.ts";
import { readIdentities } from "../seal/age.ts";

/** The identities in an age identity file, which the person calls `name`. Throws `input/not-found`, or `input/unusable` for what is none. */
export async function readIdentityFile(path: string, name: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const isAbsent = errnoOf(error) === "ENOENT";
    throw new LifeboatError(
      isAbsent ? "input/not-found" : "input/unusable",
      isAbsent ? `identity file ${name} not found` : `cannot read the identity file ${name}: ${messageOf(error)}`,
      { hint: "name a file with a line AGE-SECRET-KEY-1...", cause: error },
    );
  }
  if (/^(age-encryption\.org\/v1\n|-----BEGIN AGE ENCRYPTED FILE-----)/.test(text))
    throw new LifeboatError("input/unusable", `the identity file ${name} is itself encrypted`, {
      hint: `decrypt it first: age --decrypt --output identity.key ${name}`,
    });
  try {
    return readIdentities(text);
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    throw new LifeboatError("input/unusable", `${name}: ${error.message}`, { hint: error.hint, cause: error });
  }
}
