import type { UnknownValue } from "../unknown-values.ts";

/** The port to keys: local files, AWS KMS. Contract suite: test/contract/key-ring.ts. */

/** What a signature is for. Each purpose has a key of its own, so that no role can sign in another's name. */
export const PURPOSES = ["snapshot", "audit", "bundle"] as const;
export type Purpose = (typeof PURPOSES)[number];

export interface PublicKey {
  /** `sha256:` and the lower-case hex SHA-256 of `spki`. */
  readonly fingerprint: string;
  /** SubjectPublicKeyInfo in DER: an ECDSA key on NIST P-256. */
  readonly spki: Uint8Array;
}

export interface Signature {
  /** ECDSA over SHA-256 of the bytes, as an ASN.1 DER sequence (what `openssl dgst -sha256 -verify` takes). */
  readonly signature: Uint8Array;
  readonly publicKey: PublicKey;
}

/** Bytes, or parts of them in order, which are then never put together. */
export type Pieces = Uint8Array | readonly Uint8Array[];

/** Bound to a wrapping: unwrapping with another context fails. The same shape as a KMS encryption context. */
export interface WrapContext {
  readonly cluster: string;
  readonly snapshot: string;
}

/** An identity, encrypted under a wrapping key. */
export interface Wrapping {
  /** The kind of key ring that wrapped it. */
  readonly kind: "local" | "kms" | UnknownValue;
  /** Which wrapping key: for `local` its age recipient, for `kms` the key's ARN. */
  readonly key: string;
  readonly ciphertext: Uint8Array;
}

/** A key that wraps. Errors as those of a KeyRing. */
export interface WrappingKey {
  /** For people: where the key is. Holds no secret. */
  readonly location: string;
  /** Encrypts an age identity (`AGE-SECRET-KEY-1...`). Needs no key that can decrypt. */
  wrap(identity: string, context: WrapContext, signal?: AbortSignal): Promise<Wrapping>;
  /** Which wrapping key `wrap` uses now: see `Wrapping.key`. */
  wrappingKey(): Promise<string>;
}

/** Keys that open what is wrapped under them. Errors as those of a KeyRing. */
export interface Unwrapper {
  /** Whether a wrapping is under a key of the configuration, as far as that can be told without asking. No other is ever asked for. */
  isAtHand(wrapping: Pick<Wrapping, "kind" | "key">): boolean;
  unwrap(wrapping: Wrapping, context: WrapContext, signal?: AbortSignal): Promise<string>;
}

/** A replica's wrapping key: where it is in KMS, whoever may can also unwrap by it. */
export type ReplicaKey = WrappingKey & Partial<Unwrapper>;

/**
 * Errors: `keys/missing` (no such key here: says which file or alias), `keys/denied`, `keys/invalid` (not a key of that kind),
 * `keys/no-match` (the wrapping is under another key), `keys/disabled`, `keys/deleting` (a key that is about to be deleted),
 * `keys/throttled` and `keys/failed` (the service; both retryable),
 * `verify/sealed` (the wrapping was altered, or is another snapshot's), `interrupted` (the signal, in wrap and unwrap).
 */
export interface KeyRing extends WrappingKey, Unwrapper {
  /** Signs `bytes` with the present key of the purpose. */
  sign(purpose: Purpose, bytes: Pieces): Promise<Signature>;
  /** The key that `sign` uses now. Throws where it could not sign: asked before long work whose outcome is to be signed. */
  signingKey(purpose: Purpose): Promise<PublicKey>;
  /** The key that signs for the purpose now, as far as it is known here: needs no private key. */
  publicKey(purpose: Purpose): Promise<PublicKey>;
}
