import { isLifeboatError } from "../errors.ts";
import { decryptSmall, readIdentities, recipientOf } from "../seal/age.ts";

/** The identity of `recipient` in an age file that `identities` open; empty where it does not hold that. */
export async function identityIn(sealed: Uint8Array, identities: readonly string[], recipient: string): Promise<readonly string[]> {
  try {
    const [identity] = readIdentities(Buffer.from(await decryptSmall(identities, sealed)).toString("utf8"));
    return identity !== undefined && (await recipientOf(identity)) === recipient ? [identity] : [];
  } catch (error) {
    if (!isLifeboatError(error, "keys/", "verify/")) throw error;
    return [];
  }
}
