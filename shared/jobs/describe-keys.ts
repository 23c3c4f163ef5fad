import { isLifeboatError } from "../errors.ts";
import { PURPOSES } from "../keys/key-ring.ts";
import type { KeyRing, Purpose } from "../keys/key-ring.ts";
import type { TrustedKeys } from "../manifest/signed-document.ts";

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
}

/** What keys are here, and which are believed. Holds nothing secret. */
export async function describeKeys(keys: KeyRing, trusted: TrustedKeys): Promise<KeysDescription> {
  const signing = await Promise.all(
    PURPOSES.map(async (purpose) => {
      const fingerprint = await unlessMissing(async () => (await keys.publicKey(purpose)).fingerprint);
      return { purpose, fingerprint, trusted: fingerprint !== undefined && trusted[purpose].includes(fingerprint) };
    }),
  );
  const alsoTrusted = signing.flatMap(({ purpose, fingerprint }) =>
    trusted[purpose].filter((each) => each !== fingerprint).map((each) => ({ purpose, fingerprint: each })),
  );
  return { signing, alsoTrusted, wrappingKey: await unlessMissing(() => keys.wrappingKey()) };
}

async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isLifeboatError(error, "keys/missing")) return undefined;
    throw error;
  }
}
