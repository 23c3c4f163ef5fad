import type { KeyRing, Purpose } from "../../shared/keys/key-ring.ts";
import { encodeEnvelope, preAuthEncoding } from "../../shared/documents/envelope.ts";

/** Envelopes for tests that tamper: taken apart as JSON, and signed by whom they should not be. */

export interface RawEnvelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

export function rawEnvelope(bytes: Uint8Array): RawEnvelope {
  // What a test made itself.
  return JSON.parse(Buffer.from(bytes).toString()) as RawEnvelope;
}

export function payloadOf(bytes: Uint8Array): string {
  return Buffer.from(rawEnvelope(bytes).payload, "base64").toString();
}

/** The envelope with another payload and the old signature. */
export function withPayload(bytes: Uint8Array, payload: string | Uint8Array): string {
  return JSON.stringify({ ...rawEnvelope(bytes), payload: Buffer.from(payload).toString("base64") });
}

/** The envelope with another signature. */
export function withSignature(bytes: Uint8Array, change: (signature: Buffer) => Uint8Array): string {
  const envelope = rawEnvelope(bytes);
  const signatures = envelope.signatures.map((each) => ({
    ...each,
    sig: Buffer.from(change(Buffer.from(each.sig, "base64"))).toString("base64"),
  }));
  return JSON.stringify({ ...envelope, signatures });
}

/** An envelope whose signature is right, by the key of any purpose over anything at all; `signer` is filled in unless told otherwise. */
export async function signedBy(
  keys: KeyRing,
  purpose: Purpose,
  payload: object,
  kind = "snapshot",
  change: { readonly signer?: object; readonly keyId?: string } = {},
): Promise<Uint8Array> {
  const { fingerprint, spki } = await keys.publicKey(purpose);
  const signer = { purpose, fingerprint, publicKey: Buffer.from(spki).toString("base64"), ...change.signer };
  const bytes = Buffer.from(JSON.stringify({ ...payload, signer }));
  const payloadType = `application/vnd.etcd-lifeboat.${kind}.v1+json`;
  const { signature } = await keys.sign(purpose, preAuthEncoding(payloadType, bytes));
  return encodeEnvelope({ payloadType, payload: bytes, keyId: change.keyId ?? fingerprint, signature });
}
