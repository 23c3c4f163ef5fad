import type { LifeboatError } from "../errors.ts";
import type { Answer, MaybeUnreadable } from "../unreadable.ts";
import type { Purpose, WrapContext } from "./key-ring.ts";

/** The port to what stands around keys: their kind and state, and what the caller at hand may do with them. For `lifeboat doctor`. */

/** `wrap` stands for the wrapping key. */
export type KeyUse = "wrap" | Purpose;

/** `wrap` needs no key that opens; `unwrap` opens every snapshot. */
export type KeyPower = "wrap" | "unwrap" | `sign ${Purpose}`;

/** Errors are those of KeyRing; what is wrong with one key is told in its facts. */
export interface KeyInspector {
  readonly location: string;
  facts(signal: AbortSignal): Promise<KeyFacts>;
  /** The ARN of a key that goes by `name`; only where keys are in KMS. */
  arnOf(name: string, signal: AbortSignal): Promise<MaybeUnreadable<string>>;
  /** By dry runs, where the service knows them; otherwise by calls whose outcome is thrown away. */
  powers(context: WrapContext, signal: AbortSignal): Promise<ReadonlyMap<KeyPower, Answer>>;
}

export type KeyFacts = KmsFacts | LocalFacts;

export interface KmsFacts {
  readonly kind: "kms";
  readonly region: string;
  /** By use, the wrapping key first. */
  readonly keys: readonly KmsKeyFacts[];
}

export interface KmsKeyFacts {
  readonly use: KeyUse;
  /** `keys.wrap`, `keys.sign.audit`. */
  readonly setting: string;
  /** As configured: an alias, id or ARN. */
  readonly id: string;
  /** Why nothing is known of it: there is none, or the service failed. */
  readonly error: LifeboatError | undefined;
  readonly arn: MaybeUnreadable<string>;
  /** `SYMMETRIC_DEFAULT`, `ECC_NIST_P256`, ... */
  readonly spec: MaybeUnreadable<string>;
  /** `ENCRYPT_DECRYPT`, `SIGN_VERIFY`, ... */
  readonly usage: MaybeUnreadable<string>;
  /** `Enabled`, `Disabled`, `PendingDeletion`, ... */
  readonly state: MaybeUnreadable<string>;
  /** Whether KMS renews its material by itself; of the wrapping key only. */
  readonly rotates: MaybeUnreadable<boolean> | undefined;
  /** Of signing keys only. */
  readonly fingerprint: MaybeUnreadable<string> | undefined;
}

export interface LocalFacts {
  readonly kind: "local";
  readonly folder: string;
  /** Permission bits; undefined where there is no such folder. */
  readonly mode: number | undefined;
  /** By use, the wrapping key first. */
  readonly keys: readonly LocalKeyFacts[];
}

export interface LocalKeyFacts {
  readonly use: KeyUse;
  /** Each half: undefined where its file is not there, an error where it is there and is of no use. */
  readonly secret: { readonly file: string; readonly state: "here" | undefined | LifeboatError };
  readonly public: { readonly file: string; readonly state: "here" | undefined | LifeboatError };
  /** Of signing keys: the fingerprint; of the wrapping key: its recipient. Undefined where neither half says it. */
  readonly name: string | undefined;
}
