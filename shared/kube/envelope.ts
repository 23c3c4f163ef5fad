/**
 * How the API server wraps an object before it goes into etcd, told from the first bytes of the value. Sources: k8s.io/apimachinery/pkg/runtime/serializer/protobuf (magic number and
 * runtime.Unknown), .../serializer/cbor (RFC 8949, section 3.4.6), k8s.io/apiserver/pkg/server/options/encryptionconfig (prefixes of encrypted values).
 */
export type Envelope =
  | { readonly form: "protobuf" | "cbor" | "json" | "other" }
  | { readonly form: "encrypted"; readonly by: Encryption; readonly ciphertextAt: number };

/** Which part of an EncryptionConfiguration wrote a value. */
export interface Encryption {
  /** `aescbc`, `aesgcm`, `secretbox`, `kms`, or whatever stands there. */
  readonly provider: string;
  /** `v1`; of kms also `v2`. */
  readonly version: string;
  /** Of kms, the name of the provider. */
  readonly keyName: string;
}

export interface TypeOfObject {
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
}

const PROTOBUF = Buffer.from("k8s\0");
const CBOR = Buffer.from([0xd9, 0xd9, 0xf7]);
const ENCRYPTED = Buffer.from("k8s:enc:");
/** Of provider, version and key name together: names are at most 63 characters long by convention, and nothing holds anybody to it. */
const LONGEST_NAMES = 256;
const JSON_SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

export function envelopeOf(value: Uint8Array): Envelope {
  if (startsWith(value, PROTOBUF)) return { form: "protobuf" };
  if (startsWith(value, ENCRYPTED)) return encrypted(value) ?? { form: "other" };
  if (startsWith(value, CBOR)) return { form: "cbor" };
  let at = 0;
  while (JSON_SPACE.has(value[at] ?? 0)) at++;
  return { form: value[at] === 0x7b ? "json" : "other" };
}

/**
 * Type and version of an object as far as the first bytes of its value say it, where 96 do for all that the API server writes: of protobuf and JSON; undefined for others, and for what is
 * encrypted.
 */
export function typeIn(head: Uint8Array): TypeOfObject | undefined {
  const { form } = envelopeOf(head);
  if (form === "protobuf") return typeOfUnknown(head);
  return form === "json" ? typeOfJson(head) : undefined;
}

function encrypted(value: Uint8Array): Envelope | undefined {
  const names = Buffer.from(value.subarray(ENCRYPTED.length, ENCRYPTED.length + LONGEST_NAMES));
  const [, provider, version, keyName] = /^([^:]+):([^:]+):([^:]*):/.exec(names.toString("latin1")) ?? [];
  if (provider === undefined || version === undefined || keyName === undefined) return undefined;
  const ciphertextAt = ENCRYPTED.length + provider.length + version.length + keyName.length + 3;
  const utf8 = (text: string): string => Buffer.from(text, "latin1").toString("utf8");
  return { form: "encrypted", by: { provider: utf8(provider), version: utf8(version), keyName: utf8(keyName) }, ciphertextAt };
}

/** Type and version are the first two fields of every object: custom resources begin with the version, APIServices and CustomResourceDefinitions with the kind. */
const JSON_TYPE = /^\s*\{\s*"(apiVersion|kind)"\s*:\s*"([^"\\]+)"\s*,\s*"(apiVersion|kind)"\s*:\s*"([^"\\]+)"/;

function typeOfJson(head: Uint8Array): TypeOfObject | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString("utf8");
  const [, first, one, second, other] = JSON_TYPE.exec(text) ?? [];
  if (one === undefined || other === undefined || first === second) return undefined;
  return first === "kind" ? { kind: one, apiVersion: other } : { apiVersion: one, kind: other };
}

const LENGTH = 2;

/** The first field of a runtime.Unknown is a TypeMeta, whose first two are the version and the kind: each has a tag of one byte, and a length of one where it is below 128. */
function typeOfUnknown(head: Uint8Array): TypeOfObject | undefined {
  const message = fieldAt(head, PROTOBUF.length, 1);
  const apiVersion = message && fieldAt(head, message.start, 1);
  const kind = apiVersion && fieldAt(head, apiVersion.end, 2);
  if (message === undefined || apiVersion === undefined || kind === undefined || kind.end !== message.end || kind.start === kind.end)
    return undefined;
  const text = ({ start, end }: Span): string => Buffer.from(head.subarray(start, end)).toString("utf8");
  return { apiVersion: text(apiVersion), kind: text(kind) };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function fieldAt(bytes: Uint8Array, at: number, number: number): Span | undefined {
  const length = bytes[at + 1];
  return bytes[at] === number * 8 + LENGTH && length !== undefined && length < 0x80 ? { start: at + 2, end: at + 2 + length } : undefined;
}

function startsWith(value: Uint8Array, prefix: Uint8Array): boolean {
  return value.length >= prefix.length && prefix.every((byte, at) => value[at] === byte);
}
