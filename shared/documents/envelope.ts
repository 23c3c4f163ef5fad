import { z } from "zod";
import { LifeboatError, messageOf } from "../errors.ts";

/**
 * DSSE v1 envelopes (github.com/secure-systems-lab/dsse): JSON around a payload that is signed together with its type.
 * We write exactly one signature.
 */

const envelopeSchema = z.looseObject({
  payloadType: z.string(),
  payload: z.string().refine(isBase64, "Invalid base64-encoded string"),
  signatures: z.tuple([z.looseObject({ keyid: z.string(), sig: z.base64() })]),
});

/** What z.base64() takes, which for a long text is five times as slow. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** The fingerprint of the key that signed. Not signed itself: a hint, as DSSE has it. */
  readonly keyId: string;
  /** DER. */
  readonly signature: Uint8Array;
}

/** The bytes that are signed: DSSE's pre-authentication encoding. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const typeBytes = Buffer.byteLength(payloadType);
  return Buffer.concat([Buffer.from(`DSSEv1 ${typeBytes} ${payloadType} ${payload.length} `), payload]);
}

/** The envelope as stored: one line of JSON. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const json = {
    payloadType: envelope.payloadType,
    payload: base64(envelope.payload),
    signatures: [{ keyid: envelope.keyId, sig: base64(envelope.signature) }],
  };
  return Buffer.from(`${JSON.stringify(json)}\n`);
}

/** Throws `verify/format` for what is not an envelope; `name` is for the message. */
export function decodeEnvelope(bytes: Uint8Array, name: string): Envelope {
  const parsed = envelopeSchema.safeParse(parseJson(bytes, name));
  if (!parsed.success) throw new LifeboatError("verify/format", `${name} is not a signed envelope: ${z.prettifyError(parsed.error)}`);
  const { payloadType, payload, signatures } = parsed.data;
  const [{ keyid, sig }] = signatures;
  return { payloadType, payload: Buffer.from(payload, "base64"), keyId: keyid, signature: Buffer.from(sig, "base64") };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Throws `verify/format` where the bytes are not UTF-8 JSON. */
export function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new LifeboatError("verify/format", `${name} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
