// The library's container for its algorithms reads decorators, and this must stand before it.
import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Extension } from "@peculiar/x509";
import { KeyObject, webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { isIP } from "node:net";

/** When a certificate holds; the default is from an hour ago to a year from now. */
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
  issueServer(names: readonly string[], validity?: Validity): Promise<CertificateAndKey>;
  /** For a client; etcd takes the common name for its user. */
  issueClient(commonName: string, validity?: Validity): Promise<CertificateAndKey>;
}

/** A new certificate authority with a P-256 key. Two of one name are still two. */
export async function createAuthority(commonName = "lifeboat lab ca", validity: Validity = {}): Promise<Authority> {
  const keys = await newKeys();
  const issuer: Issuer = { commonName, keys };
  const issue = async (subject: string, extensions: readonly Extension[], when: Validity): Promise<CertificateAndKey> => {
    const { publicKey, privateKey } = await newKeys();
    const usage = new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true);
    const cert = await certificate(subject, publicKey, [usage, ...extensions], issuer, when);
    return { cert, key: KeyObject.from(privateKey).export({ type: "pkcs8", format: "pem" }).toString() };
  };
  const ofAuthority = [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
  const { serverAuth, clientAuth } = ExtendedKeyUsage;
  return {
    certificate: await certificate(commonName, keys.publicKey, ofAuthority, issuer, validity),
    issueServer: (names, when = {}) =>
      issue(names[0] ?? "server", [new ExtendedKeyUsageExtension([serverAuth, clientAuth]), altNames(names)], when),
    issueClient: (user, when = {}) => issue(user, [new ExtendedKeyUsageExtension([clientAuth])], when),
  };
}

/** Writes PEM texts that only the owner may read. */
export async function writeSecret(path: string, pem: string): Promise<string> {
  await writeFile(path, pem, { mode: 0o600, flag: "wx" });
  return path;
}

interface Issuer {
  readonly commonName: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

/** An X.509 certificate in PEM, its line end included. */
async function certificate(
  subject: string,
  publicKey: webcrypto.CryptoKey,
  extensions: readonly Extension[],
  issuer: Issuer,
  validity: Validity,
): Promise<string> {
  const hourMs = 3_600_000;
  const made = await X509CertificateGenerator.create({
    // As attributes: in a string the library would read commas and equals signs as syntax.
    subject: [{ CN: [subject] }],
    issuer: [{ CN: [issuer.commonName] }],
    notBefore: validity.notBefore ?? new Date(Date.now() - hourMs),
    notAfter: validity.notAfter ?? new Date(Date.now() + 365 * 24 * hourMs),
    publicKey,
    signingKey: issuer.keys.privateKey,
    extensions: [
      ...extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  });
  return `${made.toString("pem").trimEnd()}\n`;
}

function altNames(names: readonly string[]): Extension {
  return new SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })));
}
