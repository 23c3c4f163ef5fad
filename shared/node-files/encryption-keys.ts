import { isLifeboatError } from "../errors.ts";
import { parseEncryptionConfig } from "../kube/encryption-config.ts";
import type { EncryptionKey, LocalProvider } from "../kube/encryption-config.ts";
import { MAX_ENCRYPTION_KEYS } from "./limits.ts";
import type { SetFile } from "./read-set.ts";

/** What a key is called: `k8s:enc:aescbc:v1:key1:` stands before each value that is encrypted by it. */
export interface NamedKey {
  readonly kind: LocalProvider;
  readonly name: string;
}

/** 8 KiB: such a file has a few hundred bytes, and reading YAML takes a thousand times its size in memory, where it nests ten thousand times. */
const MAX_CONFIG_BYTES = 8 * 1024;
/** What nests deeper than any such file: many brackets, or many blanks, dashes and question marks at the beginning of a line. */
const NESTS = /(?:[[{][^[{]*){128}|^[\s?-]{48}/m;
/** So many are read: an API server has one, and a set may have a copy. */
const MOST_CONFIGS = 2;
const KIND = /kind["']?\s*:\s*["']?EncryptionConfiguration/;
/** One that is longer, or that no terminal should be shown, is passed over: an API server has no reason for it. */
const NAME = /^[^\p{C}\p{Zl}\p{Zp}]{1,253}$/u;

/** Whether a file of a set is small enough to be an EncryptionConfiguration. */
export function mayBeEncryptionConfig({ bytes }: SetFile): boolean {
  return bytes <= MAX_CONFIG_BYTES;
}

/** Finds the keys in those files of a set that are an EncryptionConfiguration, wherever they lie: the path is an option of kube-apiserver. */
export class EncryptionKeys {
  readonly #keys: EncryptionKey[] = [];
  #configs = 0;

  get found(): readonly NamedKey[] {
    const byName = new Map(this.#keys.map(({ provider: kind, name }) => [`${kind}:${name}`, { kind, name }]));
    return [...byName.values()].slice(0, MAX_ENCRYPTION_KEYS);
  }

  /** With their secrets: several may have one name. */
  get keys(): readonly EncryptionKey[] {
    return this.#keys;
  }

  add({ path }: SetFile, content: Uint8Array): void {
    const text = Buffer.from(content).toString("utf8");
    if (!KIND.test(text) || NESTS.test(text) || ++this.#configs > MOST_CONFIGS) return;
    try {
      this.#keys.push(...parseEncryptionConfig(text, path).filter(({ name }) => NAME.test(name)));
    } catch (error) {
      // Another kind of document that holds the words, or one without keys.
      if (!isLifeboatError(error, "config/")) throw error;
    }
  }
}
