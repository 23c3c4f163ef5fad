import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { TAG, bits, der, integer, oid, sequence, time } from "./der.ts";

/** When a certificate holds; the default is from an hour ago for a year. */
export interface Validity {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** PEM texts. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** For servers called `names`, host names or IP addresses. Serves as a client's as well, as etcd's own gateway needs. */
  issueServer(names: readonly string[], validity?: Validity): CertificateAndKey;
  /** For a client; etcd takes the common name for its user. */
  issueClient(commonName: string, validity?: Validity): CertificateAndKey;
}

const OIDS = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** A new certificate authority with a P-256 key. Two of one name are still two. */
export function createAuthority(commonName = "lifeboat lab ca", validity: Validity = {}): Authority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer: Issuer = { commonName, privateKey, keyId: keyId(publicKey) };
  // keyCertSign and cRLSign are bits 5 and 6 of the key usage.
  const authority = [
    extension(OIDS.basicConstraints, sequence(boolean(true)), true),
    extension(OIDS.keyUsage, bits(Buffer.of(0x06), 1), true),
  ];
  const issue = (subject: string, extensions: readonly Buffer[], when: Validity): CertificateAndKey => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const digitalSignature = extension(OIDS.keyUsage, bits(Buffer.of(0x80), 7), true);
    const cert = certificate(subject, pair.publicKey, [digitalSignature, ...extensions], issuer, when);
    return { cert, key: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  };
  return {
    certificate: certificate(commonName, publicKey, authority, issuer, validity),
    issueServer: (names, when = {}) => issue(names[0] ?? "server", [usage(OIDS.serverAuth, OIDS.clientAuth), altNames(names)], when),
    issueClient: (user, when = {}) => issue(user, [usage(OIDS.clientAuth)], when),
  };
}

/** Writes PEM texts that only the owner may read. */
export async function writeSecret(path: string, pem: string): Promise<string> {
  await writeFile(path, pem, { mode: 0o600, flag: "wx" });
  return path;
}

interface Issuer {
  readonly commonName: string;
  readonly privateKey: KeyObject;
  readonly keyId: Uint8Array;
}

/** An X.509 version 3 certificate (RFC 5280, 4.1) in PEM. */
function certificate(subject: string, publicKey: KeyObject, extensions: readonly Buffer[], issuer: Issuer, validity: Validity): string {
  const hourMs = 3_600_000;
  const notBefore = validity.notBefore ?? new Date(Date.now() - hourMs);
  const notAfter = validity.notAfter ?? new Date(Date.now() + 365 * 24 * hourMs);
  const algorithm = sequence(oid(OIDS.ecdsaWithSha256));
  const ids = [
    extension(OIDS.subjectKeyIdentifier, der(TAG.octets, keyId(publicKey))),
    extension(OIDS.authorityKeyIdentifier, sequence(der(0x80, issuer.keyId))),
  ];
  const signed = sequence(
    der(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    algorithm,
    name(issuer.commonName),
    sequence(time(notBefore), time(notAfter)),
    name(subject),
    spki(publicKey),
    der(0xa3, sequence(...extensions, ...ids)),
  );
  const signature = sign("sha256", signed, issuer.privateKey);
  const base64 = sequence(signed, algorithm, bits(signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), der(TAG.octets, value));
}

function usage(...purposes: readonly string[]): Buffer {
  return extension(OIDS.extKeyUsage, sequence(...purposes.map((purpose) => oid(purpose))));
}

/** GeneralNames (RFC 5280, 4.2.1.6): dNSName is [2], iPAddress [7]. */
function altNames(names: readonly string[]): Buffer {
  const general = names.map((each) => {
    if (isIP(each) === 4) return der(0x87, Buffer.from(each.split(".").map(Number)));
    if (isIP(each) === 6) throw new Error(`no IPv6 address here, not ${each}`);
    return der(0x82, Buffer.from(each));
  });
  return extension(OIDS.subjectAltName, sequence(...general));
}

function name(commonName: string): Buffer {
  return sequence(der(TAG.set, sequence(oid(OIDS.commonName), der(TAG.utf8, Buffer.from(commonName)))));
}

function boolean(value: boolean): Buffer {
  return der(TAG.boolean, Buffer.of(value ? 0xff : 0));
}

function spki(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: "spki", format: "der" });
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash("sha1").update(spki(publicKey)).digest();
}
