import type { WrappingRecord } from "../../documents/parts.ts";
import { wrappingKeysOf } from "../../keys/store-keys.ts";
import type { StoreKeys } from "../../keys/store-keys.ts";
import type { KeyProof, SharedKey, WrappedKeys } from "../wrapped-keys.ts";

/** One password opens all snapshots of a repository, so nothing is wrapped for any of them: it is wrapped for the repository, in a document of its own. */
export class KopiaKeys implements WrappedKeys {
  readonly shared: SharedKey;
  readonly #keys: StoreKeys;

  constructor(keys: StoreKeys, shared: SharedKey) {
    this.#keys = keys;
    this.shared = shared;
  }

  wrappingKeys(): Promise<readonly [own: string, ...replicas: string[]]> {
    return wrappingKeysOf(this.#keys);
  }

  rewrap(): Promise<readonly WrappingRecord[]> {
    return Promise.resolve([]);
  }

  prove(): Promise<KeyProof> {
    return Promise.resolve({ opened: [], wrappings: [], breakGlass: undefined, notes: [] });
  }
}
