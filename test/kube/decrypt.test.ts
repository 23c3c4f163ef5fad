import { createCipheriv, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { describe, expect, test } from "vitest";
import { decrypt } from "../../shared/kube/decrypt.ts";
import { parseEncryptionConfig } from "../../shared/kube/encryption-config.ts";
import type { EncryptionKey, LocalProvider } from "../../shared/kube/encryption-config.ts";
import { saying } from "../support/matchers.ts";

/** What a real kube-apiserver encrypted is decrypted in kube-apiserver.exhaustive.test.ts. */

const KEY = Buffer.from("/registry/secrets/default/a");
const PLAIN = Buffer.from("k8s\0\n\x0c\n\x02v1\x12\x06Secret");
const SECRET = randomBytes(32);

/** As the API server does (k8s.io/apiserver/pkg/storage/value/encrypt). */
const ENCRYPT: Readonly<Record<LocalProvider, (secret: Buffer, plain: Buffer) => Buffer>> = {
  aescbc(secret, plain) {
    const iv = randomBytes(16);
    const cipher = createCipheriv(`aes-${secret.length * 8}-cbc`, secret, iv);
    return Buffer.concat([iv, cipher.update(plain), cipher.final()]);
  },
  aesgcm(secret, plain) {
    const nonce = randomBytes(12);
    const cipher = createCipheriv(`aes-${secret.length * 8}-gcm` as "aes-256-gcm", secret, nonce);
    cipher.setAAD(KEY);
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  },
  secretbox(secret, plain) {
    const nonce = randomBytes(24);
    return Buffer.concat([nonce, xsalsa20poly1305(secret, nonce).encrypt(plain)]);
  },
};
const PROVIDERS = ["aescbc", "aesgcm", "secretbox"] as const;

function stored(provider: LocalProvider, { secret = SECRET, name = "key1", plain = PLAIN } = {}): Buffer {
  return Buffer.concat([Buffer.from(`k8s:enc:${provider}:v1:${name}:`), ENCRYPT[provider](secret, plain)]);
}

function key(provider: LocalProvider, { secret = SECRET, name = "key1" } = {}): EncryptionKey {
  return { provider, name, secret, file: "encryption.yaml" };
}

describe.each(PROVIDERS)("%s", (provider) => {
  test("is decrypted, and says whether a change of it would have shown", () => {
    expect(decrypt({ key: KEY, value: stored(provider) }, [key(provider)])).toEqual({
      value: PLAIN,
      by: { provider, version: "v1", keyName: "key1" },
      isAuthenticated: provider !== "aescbc",
    });
  });

  test("finds its key among others of that name and others of that provider", () => {
    const others = PROVIDERS.map((each) => key(each, { secret: randomBytes(32) }));
    const keys = [...others, key(provider, { name: "key2" }), key(provider)];
    expect(decrypt({ key: KEY, value: stored(provider) }, keys)).toMatchObject({ value: PLAIN });
  });

  test("says that a key is another one, or none of that name is there", () => {
    const value = stored(provider);
    for (let again = 0; again < 1000; again++)
      expect(decrypt({ key: KEY, value }, [key(provider, { secret: randomBytes(32) })])).toEqual({
        raw: `is encrypted by ${provider} with the key key1, and the one of that name in encryption.yaml is another, or the value is damaged`,
      });
    expect(decrypt({ key: KEY, value }, [key(provider, { name: "key2" })])).toEqual({
      raw: `is encrypted by ${provider} with the key key1, which is not in encryption.yaml`,
    });
    expect(decrypt({ key: KEY, value }, [])).toEqual({
      raw: saying(`is encrypted by ${provider} with the key key1; --encryption-config FILE decrypts it`),
    });
  });

  test("says the same of what is cut, at any length", () => {
    const value = stored(provider);
    const prefix = `k8s:enc:${provider}:v1:key1:`.length;
    for (let length = prefix; length < value.length; length++)
      expect(decrypt({ key: KEY, value: value.subarray(0, length) }, [key(provider)])).toEqual({ raw: saying("or the value is damaged") });
  });
});

test.each([16, 24] as const)("AES with keys of %d bytes too", (bytes) => {
  const secret = randomBytes(bytes);
  for (const provider of ["aescbc", "aesgcm"] as const)
    expect(decrypt({ key: KEY, value: stored(provider, { secret }) }, [key(provider, { secret })])).toMatchObject({ value: PLAIN });
});

test("a value of aesgcm that was moved to another key, or altered, is no value", () => {
  const value = stored("aesgcm");
  expect(decrypt({ key: Buffer.from("/registry/secrets/default/b"), value }, [key("aesgcm")])).toEqual({
    raw: saying("or the value is damaged"),
  });
  for (let at = "k8s:enc:aesgcm:v1:key1:".length; at < value.length; at++) {
    const altered = Buffer.from(value);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(decrypt({ key: KEY, value: altered }, [key("aesgcm")])).toEqual({ raw: saying("or the value is damaged") });
  }
});

test("what is not encrypted passes, and what no file can decrypt is told apart", () => {
  expect(decrypt({ key: KEY, value: PLAIN }, [key("aescbc")])).toEqual({ value: PLAIN, by: undefined, isAuthenticated: false });
  const value = Buffer.from("k8s:enc:kms:v2:vault:\x01\x02");
  expect(decrypt({ key: KEY, value }, [key("aescbc")])).toEqual({
    raw: saying("is encrypted by the KMS provider vault (v2): its key never leaves that service"),
  });
  for (const prefix of ["rot13:v1:k", "aescbc:v2:key1"])
    expect(decrypt({ key: KEY, value: Buffer.from(`k8s:enc:${prefix}:x`) }, [key("aescbc")])).toEqual({
      raw: saying("which lifeboat does not know"),
    });
});

const CONFIG = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets, configmaps]
    providers:
      - aesgcm: { keys: [{ name: key1, secret: ${randomBytes(16).toString("base64")} }] }
      - kms: { apiVersion: v2, name: vault, endpoint: unix:///tmp/socket }
      - identity: {}
  - resources: ['*.*']
    providers:
      - secretbox: { keys: [{ name: key1, secret: ${SECRET.toString("base64")} }, { name: key2, secret: ${SECRET.toString("base64")} }] }
`;

describe("an EncryptionConfiguration", () => {
  test("gives the keys of all its sections, in YAML and in JSON", () => {
    const keys = parseEncryptionConfig(CONFIG, "encryption.yaml");
    expect(keys.map(({ provider, name, secret, file }) => [provider, name, secret.length, file])).toEqual([
      ["aesgcm", "key1", 16, "encryption.yaml"],
      ["secretbox", "key1", 32, "encryption.yaml"],
      ["secretbox", "key2", 32, "encryption.yaml"],
    ]);
    const section = { resources: ["secrets"], providers: [{ aescbc: { keys: [{ name: "k", secret: SECRET.toString("base64") }] } }] };
    const json = JSON.stringify({ kind: "EncryptionConfiguration", resources: [section] });
    expect(parseEncryptionConfig(json, "e.json")).toEqual([{ provider: "aescbc", name: "k", secret: SECRET, file: "e.json" }]);
  });

  test.each([
    ["another kind", CONFIG.replace("EncryptionConfiguration", "Config"), "it is no EncryptionConfiguration"],
    ["a secret of another length", CONFIG.replace(SECRET.toString("base64"), "c2hvcnQ="), "it is no 32 bytes in base64"],
    ["a secret that is a number", CONFIG.replace(SECRET.toString("base64"), "12345678"), "it is no text in base64"],
    ["a key without a name", CONFIG.replace("name: key1", "nam: key1"), "name"],
    [
      "no key",
      "kind: EncryptionConfiguration\nresources: [{ providers: [{ identity: {} }] }]",
      "names no key of aescbc, aesgcm, secretbox",
    ],
    ["no YAML", "a: [", "encryption.yaml:1"],
  ])("with %s is refused, and no message holds a part of a secret", (_, text, said) => {
    const error = thrownBy(() => parseEncryptionConfig(text, "encryption.yaml"));
    expect(error).toMatchObject({ code: "config/invalid", message: saying(said), hint: saying("--encryption-provider-config") });
    for (const secret of [SECRET.toString("base64"), "c2hvcnQ=", "12345678"]) expect(inspect(error, { depth: 9 })).not.toContain(secret);
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
