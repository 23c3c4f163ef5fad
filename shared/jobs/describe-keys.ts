import { isLifeboatError } from "../errors.ts";
import type { LifeboatError } from "../errors.ts";
import { PURPOSES } from "../keys/key-ring.ts";
import type { KeyRing, Purpose } from "../keys/key-ring.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";

export interface KeyDescription {
  readonly purpose: Purpose;
  /** Undefined where the key ring here has no key for the purpose. */
  readonly fingerprint: string | undefined;
  readonly trusted: boolean;
}

export interface KeysDescription {
  readonly signing: readonly KeyDescription[];
  /** Fingerprints that are trusted beside the present keys: of older keys, or of keys kept elsewhere. */
  readonly alsoTrusted: readonly { readonly purpose: Purpose; readonly fingerprint: string }[];
  /** Undefined where the key ring here has none. */
  readonly wrappingKey: string | undefined;
  /** Keys that are there and may not or cannot be used, so that nothing is known of them. */
  readonly unusable: readonly { readonly key: Purpose | "wrapping"; readonly error: LifeboatError }[];
}

/** What keys are here, and which are believed. Holds nothing secret. */
export async function describeKeys(keys: KeyRing, trusted: TrustedKeys): Promise<KeysDescription> {
  const unusable: { key: Purpose | "wrapping"; error: LifeboatError }[] = [];
  const known = async (key: Purpose | "wrapping", read: () => Promise<string>): Promise<string | undefined> => {
    try {
      return await read();
    } catch (error) {
      // A role may see its own keys alone; what is wrong with one is no reason not to show the others.
      if (isLifeboatError(error, "keys/denied", "keys/disabled", "keys/deleting")) unusable.push({ key, error });
      else if (!isLifeboatError(error, "keys/missing")) throw error;
      return undefined;
    }
  };
  const signing: KeyDescription[] = [];
  for (const purpose of PURPOSES) {
    const fingerprint = await known(purpose, async () => (await keys.publicKey(purpose)).fingerprint);
    signing.push({ purpose, fingerprint, trusted: fingerprint !== undefined && trusted[purpose].includes(fingerprint) });
  }
  const alsoTrusted = signing.flatMap(({ purpose, fingerprint }) =>
    trusted[purpose].filter((each) => each !== fingerprint).map((each) => ({ purpose, fingerprint: each })),
  );
  const wrappingKey = await known("wrapping", () => keys.wrappingKey());
  return { signing, alsoTrusted, wrappingKey, unusable };
}
