import { createHash, createPublicKey, createVerify, verify, type KeyObject } from "node:crypto";
import { LifeboatError, type ErrorCode } from "../errors.ts";
import type { Pieces, PublicKey } from "./key-ring.ts";

/** Public keys and signatures of every key ring: ECDSA on NIST P-256 over SHA-256 (FIPS 186-5), SubjectPublicKeyInfo in DER (RFC 5480). */

/** The public key with this SubjectPublicKeyInfo, which must be one: see `parsePublicKey` for bytes from elsewhere. */
export function publicKeyOf(spki: Uint8Array): PublicKey {
  return { fingerprint: `sha256:${createHash("sha256").update(spki).digest("hex")}`, spki };
}

/**
 * A public key from bytes that may be anything. Throws `code` (`verify/format` for bytes from a store) where they are not exactly one P-256 key in DER.
 * `name` is for the message: "the signer of ...".
 */
export function parsePublicKey(spki: Uint8Array, name: string, code: ErrorCode = "verify/format"): PublicKey {
  const text = Buffer.from(spki).toString("latin1");
  const known = parsed.get(text);
  if (known !== undefined) return known;
  let key: KeyObject;
  try {
    key = keyObject(spki);
  } catch (cause) {
    throw new LifeboatError(code, `${name} is not a public key in DER`, { cause });
  }
  requireP256(key, name, code);
  // One key, one encoding: trailing bytes or a compressed point would give the same key another fingerprint.
  const canonical = spkiOf(key);
  if (!Buffer.from(canonical).equals(spki)) throw new LifeboatError(code, `${name} is not a public key in plain DER`);
  const publicKey = publicKeyOf(canonical);
  objects.set(publicKey, key);
  const [oldest] = parsed.keys();
  if (parsed.size >= MOST_PARSED && oldest !== undefined) parsed.delete(oldest);
  parsed.set(text, publicKey);
  return publicKey;
}

/** By their bytes. To parse a key takes several times as long as to check a signature, and thousands of documents are signed with one of a few. */
const parsed = new Map<string, PublicKey>();
const objects = new WeakMap<PublicKey, KeyObject>();

/** The latest. A store has a key or two for each purpose. Who fills it with documents by thousands of keys makes it slow, and no more. */
const MOST_PARSED = 64;

/** Throws `code` unless `key` (public or private) is an ECDSA key on P-256. */
export function requireP256(key: KeyObject, name: string, code: ErrorCode): void {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && curve === "prime256v1") return;
  throw new LifeboatError(code, `${name} is ${curve ?? key.asymmetricKeyType ?? "a secret"}, not an ECDSA key on P-256`);
}

/** What stands before the 64 bytes of a point in the SubjectPublicKeyInfo of a P-256 key: both algorithm identifiers, and 4 for "not compressed". */
const SPKI_START = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");

/** SubjectPublicKeyInfo in DER of a public or private key on P-256, with the point not compressed: OpenSSL would keep a compressed one as it came. */
export function spkiOf(key: KeyObject): Uint8Array {
  const { x = "", y = "" } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  return Buffer.concat([SPKI_START, Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

/** Whether `signature` (ASN.1 DER) over SHA-256 of `bytes` is by `publicKey`. False for bytes that are no signature at all. */
export function verifySignature(publicKey: PublicKey, bytes: Pieces, signature: Uint8Array): boolean {
  if (bytes instanceof Uint8Array) return verify("sha256", bytes, keyObjectOf(publicKey), signature);
  const verifier = createVerify("sha256");
  for (const piece of bytes) verifier.update(piece);
  return verifier.verify(keyObjectOf(publicKey), signature);
}

export function piecesOf(bytes: Pieces): readonly Uint8Array[] {
  return bytes instanceof Uint8Array ? [bytes] : bytes;
}

/** The same on another thread, while this one reads the next document: checking is most of what it takes to read ten thousand of them. */
export function verifySignatureAside(publicKey: PublicKey, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify("sha256", bytes, keyObjectOf(publicKey), signature, (error, holds) => {
      if (error === null) resolve(holds);
      else reject(error);
    });
  });
}

/** An ECDSA key takes and gives signatures in DER where nothing else is asked for. */
function keyObjectOf(publicKey: PublicKey): KeyObject {
  const known = objects.get(publicKey);
  if (known !== undefined) return known;
  const key = keyObject(publicKey.spki);
  objects.set(publicKey, key);
  return key;
}

function keyObject(spki: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
}

const PEM = /^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----\n?$/;

/** The key as PEM (RFC 7468), as openssl takes it. */
export function pemOf({ spki }: PublicKey): string {
  const lines =
    Buffer.from(spki)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PUBLIC KEY-----\n${lines.join("\n")}\n-----END PUBLIC KEY-----\n`;
}

/** The key in such a text: see `parsePublicKey`. */
export function parsePem(text: string, name: string): PublicKey {
  const base64 = PEM.exec(text)?.[1];
  if (base64 === undefined) throw new LifeboatError("verify/format", `${name} is not one public key in PEM`);
  return parsePublicKey(Buffer.from(base64, "base64"), name);
}
