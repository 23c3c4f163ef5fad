import { z } from "zod";
import { LifeboatError, messageOf } from "../errors.ts";

/**
 * DSSE v1 envelopes (github.com/secure-systems-lab/dsse): JSON around a payload that is signed together with its type.
 * We write exactly one signature.
 */

const envelopeSchema = z.looseObject({
  payloadType: z.string(),
  payload: z.string().refine((text) => fromBase64(text) !== undefined, "Invalid base64-encoded string"),
  signatures: z.tuple([z.looseObject({ keyid: z.string(), sig: z.base64() })]),
});

/**
 * The bytes that a base64 text stands for; undefined for what is none, by the rule of z.base64(): groups of four of the standard alphabet, of which the last may be filled up. Node decodes other texts as well, and then
 * gives fewer bytes, but for those of the alphabet for URLs. For a long text this takes a tenth of the time of a look at each character first.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || text.includes("-") || text.includes("_")) return undefined;
  const filled = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === (text.length / 4) * 3 - filled ? bytes : undefined;
}

/** The same as the schema, for one that is as it should be. */
function quickEnvelope(json: unknown): Envelope | undefined {
  if (!isObject(json)) return undefined;
  const { payloadType, payload, signatures } = json;
  if (!Array.isArray(signatures) || signatures.length !== 1) return undefined;
  const [first] = signatures as readonly unknown[];
  if (!isObject(first) || typeof payloadType !== "string" || typeof payload !== "string") return undefined;
  const { keyid, sig } = first;
  if (typeof keyid !== "string" || typeof sig !== "string") return undefined;
  const [payloadBytes, signature] = [fromBase64(payload), fromBase64(sig)];
  if (payloadBytes === undefined || signature === undefined) return undefined;
  return { payloadType, payload: payloadBytes, keyId: keyid, signature };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
  const json = parseJson(bytes, name);
  const quick = quickEnvelope(json);
  if (quick !== undefined) return quick;
  const parsed = envelopeSchema.safeParse(json);
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
