import type { Purpose } from "../key-ring.ts";

/** Keys in AWS KMS, each by alias (`alias/...`), ARN of a key or an alias, or id. */
export interface KmsSettings {
  /** Symmetric, ENCRYPT_DECRYPT: it wraps the identities of snapshots. */
  readonly wrap: string;
  /** Wrapping keys of before, which still open what they wrapped: ARNs of keys, of any region. */
  readonly retired?: readonly string[];
  /** ECC_NIST_P256, SIGN_VERIFY. */
  readonly sign: Readonly<Record<Purpose, string>>;
  readonly region: string;
  /** Of an emulator or a private endpoint; left out: AWS's own for the region. */
  readonly endpoint?: string | undefined;
}

const SIGNS: Readonly<Record<Purpose, string>> = {
  snapshot: "signs manifests",
  audit: "signs verifications",
  bundle: "signs restore bundles",
};

/** A key of the configuration: what to call it, and what it is for. */
export interface KeyName {
  readonly id: string;
  /** `keys.wrap`, `keys.sign.audit`. */
  readonly setting: string;
  /** The end of a sentence. */
  readonly use: string;
}

export function wrapName({ wrap }: KmsSettings): KeyName {
  return { id: wrap, setting: "keys.wrap", use: "encrypts the keys of snapshots" };
}

export function retiredName(arn: string): KeyName {
  return { id: arn, setting: "keys.retired", use: "opens the keys of older snapshots" };
}

export function signName({ sign }: KmsSettings, purpose: Purpose): KeyName {
  return { id: sign[purpose], setting: `keys.sign.${purpose}`, use: SIGNS[purpose] };
}

/** A key's ARN: `arn:aws:kms:eu-central-1:111122223333:key/...`; undefined for anything else. */
export function partsOfArn(text: string): { readonly region: string; readonly account: string } | undefined {
  const match = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):(\d{12}):key\/[A-Za-z0-9-]+$/.exec(text);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { region: match[1], account: match[2] };
}
