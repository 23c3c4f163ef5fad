import { LifeboatError } from "../errors.ts";
import type { KeyRing, Purpose } from "../keys/key-ring.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";

/**
 * To be called before the work: what cannot be signed, or would be by a key that readers do not trust, is worth nothing. Throws `config/invalid`, or the key ring's errors.
 */
export async function requireTrustedKey(keys: KeyRing, trusted: TrustedKeys, purpose: Purpose): Promise<void> {
  const { fingerprint } = await keys.signingKey(purpose);
  const end = trusted.ends?.[fingerprint];
  if (trusted[purpose].includes(fingerprint) && end === undefined) return;
  if (end !== undefined)
    throw new LifeboatError(
      "config/invalid",
      `the ${purpose} key in ${keys.location} is ${fingerprint}, which has notAfter ${end} in trustedKeys`,
      {
        hint: "a key with notAfter signs nothing more: make a new one, or take notAfter away",
      },
    );
  throw new LifeboatError(
    "config/invalid",
    `the ${purpose} key in ${keys.location} is ${fingerprint}, which trustedKeys.${purpose} does not list`,
    {
      hint: `if that key is yours, add its fingerprint to trustedKeys.${purpose} in the configuration`,
    },
  );
}
