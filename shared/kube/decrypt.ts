import { createDecipheriv } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import type { StoredValue } from "./decoder.ts";
import { LOCAL_PROVIDERS } from "./encryption-config.ts";
import type { EncryptionKey, LocalProvider } from "./encryption-config.ts";
import { envelopeOf } from "./envelope.ts";
import type { Encryption } from "./envelope.ts";

/** A value as it was before the API server encrypted it, or why it stays as it is, as the end of a sentence that begins with its key. */
export type Decrypted =
  | {
      readonly value: Uint8Array;
      /** Undefined where it was never encrypted. */
      readonly by: Encryption | undefined;
      /** Whether the cipher would have told a change of it. */
      readonly isAuthenticated: boolean;
    }
  | { readonly raw: string };

/**
 * Decrypts what kube-apiserver encrypted by a provider whose keys stand in its EncryptionConfiguration. A value that is not encrypted passes. Any section's key of the right provider and name is
 * tried: the API server would go by the resource, and one name may stand for several keys. Sources: k8s.io/apiserver/pkg/storage/value/encrypt/{aes,secretbox}.
 */
export function decrypt(stored: StoredValue, keys: readonly EncryptionKey[]): Decrypted {
  const envelope = envelopeOf(stored.value);
  if (envelope.form !== "encrypted") return { value: stored.value, by: undefined, isAuthenticated: false };
  const { by, ciphertextAt } = envelope;
  const { provider, version, keyName } = by;
  const named = `is encrypted by ${provider} with the key ${keyName}`;
  if (provider === "kms")
    return {
      raw: `is encrypted by the KMS provider ${keyName} (${version}): its key never leaves that service, so that only a kube-apiserver with the same provider can read it`,
    };
  if (!isLocal(provider) || version !== "v1") return { raw: `${named} (${version}), which lifeboat does not know` };
  if (keys.length === 0)
    return { raw: `${named}; --encryption-config FILE decrypts it by the file that --encryption-provider-config of kube-apiserver names` };
  const files = [...new Set(keys.map(({ file }) => file))].join(", ");
  const fitting = keys.filter((key) => key.provider === provider && key.name === keyName);
  if (fitting.length === 0) return { raw: `${named}, which is not in ${files}` };
  const ciphertext = stored.value.subarray(ciphertextAt);
  for (const { secret } of fitting) {
    const value = tryTo(() => CIPHERS[provider](ciphertext, secret, stored.key));
    // aescbc has nothing but its padding to tell a wrong key by: one in 256 passes.
    if (value !== undefined && (provider !== "aescbc" || envelopeOf(value).form !== "other"))
      return { value, by, isAuthenticated: provider !== "aescbc" };
  }
  return { raw: `${named}, and the one of that name in ${files} is another, or the value is damaged` };
}

type Cipher = (ciphertext: Uint8Array, secret: Uint8Array, key: Uint8Array) => Uint8Array;

const BLOCK_BYTES = 16;
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const SECRETBOX_NONCE_BYTES = 24;

/** Each throws what is not its own. */
const CIPHERS: Readonly<Record<LocalProvider, Cipher>> = {
  /** IV, then blocks padded by PKCS #7. Nothing authenticates them. */
  aescbc(ciphertext, secret) {
    const decipher = createDecipheriv(`aes-${secret.length * 8}-cbc`, secret, ciphertext.subarray(0, BLOCK_BYTES));
    return Buffer.concat([decipher.update(ciphertext.subarray(BLOCK_BYTES)), decipher.final()]);
  },
  /** Nonce, ciphertext, tag; etcd's key is authenticated with them, so that a value cannot be moved to another. */
  aesgcm(ciphertext, secret, key) {
    const nonce = ciphertext.subarray(0, GCM_NONCE_BYTES);
    const name = `aes-${secret.length * 8}-gcm` as "aes-256-gcm";
    const decipher = createDecipheriv(name, secret, nonce, { authTagLength: GCM_TAG_BYTES });
    const tagAt = ciphertext.length - GCM_TAG_BYTES;
    decipher.setAAD(key);
    decipher.setAuthTag(ciphertext.subarray(tagAt));
    return Buffer.concat([decipher.update(ciphertext.subarray(GCM_NONCE_BYTES, tagAt)), decipher.final()]);
  },
  /** Nonce, then NaCl's secretbox: XSalsa20 and Poly1305, the tag first. */
  secretbox: (ciphertext, secret) =>
    Buffer.from(
      xsalsa20poly1305(secret, ciphertext.subarray(0, SECRETBOX_NONCE_BYTES)).decrypt(ciphertext.subarray(SECRETBOX_NONCE_BYTES)),
    ),
};

function isLocal(provider: string): provider is LocalProvider {
  return LOCAL_PROVIDERS.some((each) => each === provider);
}

function tryTo<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    // Whatever OpenSSL or the library says of it, it does not decrypt.
    return undefined;
  }
}
