import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePublicKey, publicKeyOf, spkiOf, verifySignature } from "../../shared/keys/public-key.ts";
import { needs, requireProgram } from "../support/programs.ts";

const PAIR = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const SPKI: Uint8Array = PAIR.publicKey.export({ type: "spki", format: "der" });

describe("parsePublicKey", () => {
  test("takes a P-256 key and gives its fingerprint", () => {
    const key = parsePublicKey(SPKI, "the signer");
    expect(key).toEqual(publicKeyOf(SPKI));
    expect(key.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test("refuses other kinds of key and says what they are", () => {
    const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).publicKey.export({ type: "spki", format: "der" });
    const ed25519 = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "der" });
    for (const [spki, kind] of [
      [p384, "secp384r1"],
      [ed25519, "ed25519"],
      [rsa, "rsa"],
    ] as const) {
      expect(() => parsePublicKey(spki, "the signer of a")).toThrow(
        expect.objectContaining({ code: "verify/format", message: `the signer of a is ${kind}, not an ECDSA key on P-256` }),
      );
    }
  });

  test("refuses a second encoding of the same key, which would have another fingerprint", () => {
    expect(() => parsePublicKey(Buffer.concat([SPKI, Buffer.from([0])]), "k", "keys/invalid")).toThrow(
      expect.objectContaining({ code: "keys/invalid" }),
    );
    // The point in compressed form: the same key, 32 bytes shorter.
    const point = SPKI.slice(-65);
    const header = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");
    const compressed = Buffer.concat([header, Buffer.from([(point[64] ?? 0) % 2 === 0 ? 2 : 3]), point.slice(1, 33)]);
    expect(() => parsePublicKey(compressed, "k")).toThrow("k is not a public key in plain DER");
    expect(Buffer.from(spkiOf(createPublicKey({ key: compressed, format: "der", type: "spki" }))).equals(SPKI)).toBe(true);
  });

  test("refuses everything else with the code it was given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(() => parsePublicKey(bytes, "k")).toThrow(expect.objectContaining({ code: "verify/format" }));
      }),
    );
    const privateKey = PAIR.privateKey.export({ type: "pkcs8", format: "der" });
    expect(() => parsePublicKey(privateKey, "k")).toThrow(
      expect.objectContaining({ code: "verify/format", message: "k is not a public key in DER" }),
    );
  });
});

describe("verifySignature", () => {
  const key = publicKeyOf(SPKI);
  const bytes = Buffer.from("payload");
  const signature: Uint8Array = sign("sha256", bytes, PAIR.privateKey);

  test("is true for the signature over these bytes, and false for any that is altered, cut or lengthened", () => {
    expect(verifySignature(key, bytes, signature)).toBe(true);
    for (let at = 0; at < signature.length; at += 1) {
      const altered = Uint8Array.from(signature);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(verifySignature(key, bytes, altered)).toBe(false);
      expect(verifySignature(key, bytes, signature.slice(0, at))).toBe(false);
    }
    expect(verifySignature(key, bytes, Buffer.concat([signature, Buffer.from([0])]))).toBe(false);
  });

  test("is false for bytes that are no signature, and never throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => !verifySignature(key, bytes, noise)));
    const raw = sign("sha256", bytes, { key: PAIR.privateKey, dsaEncoding: "ieee-p1363" });
    expect(verifySignature(key, bytes, raw)).toBe(false);
  });

  test.skipIf(needs("openssl"))("agrees with openssl on a signature that openssl made, and on the fingerprint", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lifeboat-openssl-"));
    const openssl = (...args: readonly string[]) =>
      execa(requireProgram("openssl"), args, { cwd: folder, encoding: "buffer", stripFinalNewline: false });
    try {
      await writeFile(join(folder, "payload"), bytes);
      await openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem");
      const spki = (await openssl("pkey", "-in", "key.pem", "-pubout", "-outform", "DER")).stdout;
      await writeFile(join(folder, "spki.der"), spki);
      const theirs = (await openssl("dgst", "-sha256", "-sign", "key.pem", "payload")).stdout;
      const digest = Buffer.from((await openssl("dgst", "-sha256", "-r", "spki.der")).stdout).toString();
      const theirKey = parsePublicKey(spki, "openssl's");
      expect(verifySignature(theirKey, bytes, theirs)).toBe(true);
      expect(theirKey.fingerprint).toBe(`sha256:${digest.split(" ")[0]}`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
