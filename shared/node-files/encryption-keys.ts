import { isLifeboatError } from "../errors.ts";
import { parseEncryptionConfig } from "../kube/encryption-config.ts";
import type { LocalProvider } from "../kube/encryption-config.ts";
import { MAX_ENCRYPTION_KEYS } from "./limits.ts";
import type { SetFile } from "./read-set.ts";

/** What a key is called: `k8s:enc:aescbc:v1:key1:` stands before each value that is encrypted by it. */
export interface NamedKey {
  readonly kind: LocalProvider;
  readonly name: string;
}

/** 256 KiB: such a file has a few hundred bytes. */
const MAX_CONFIG_BYTES = 256 * 1024;
const WORD = Buffer.from("EncryptionConfiguration");
/** One that is longer, or that no terminal should be shown, is passed over: an API server has no reason for it. */
const NAME = /^[^\p{C}\p{Zl}\p{Zp}]{1,253}$/u;

/** Whether a file of a set is small enough to be an EncryptionConfiguration. */
export function mayBeEncryptionConfig({ bytes }: SetFile): boolean {
  return bytes <= MAX_CONFIG_BYTES;
}

/** The names of the keys in the content of a file that is an EncryptionConfiguration; none for any other. Wherever it lies: the path is an option of kube-apiserver. */
export function encryptionKeysIn({ path }: SetFile, content: Uint8Array): readonly NamedKey[] {
  if (!Buffer.from(content.buffer, content.byteOffset, content.length).includes(WORD)) return [];
  try {
    return parseEncryptionConfig(Buffer.from(content).toString("utf8"), path)
      .map(({ provider, name }) => ({ kind: provider, name }))
      .filter(({ name }) => NAME.test(name))
      .slice(0, MAX_ENCRYPTION_KEYS);
  } catch (error) {
    // Another kind of document that holds the word, such as a note about one.
    if (isLifeboatError(error, "config/")) return [];
    throw error;
  }
}
