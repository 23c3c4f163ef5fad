import type { WrappingRecord } from "../../documents/parts.ts";
import type { KeyRing } from "../../keys/key-ring.ts";
import type { KeyProof, SharedKey, WrappedKeys } from "../wrapped-keys.ts";

/** One password opens all snapshots of a repository, so nothing is wrapped for any of them: it is wrapped for the repository, in a document of its own. */
export class KopiaKeys implements WrappedKeys {
  readonly shared: SharedKey;
  readonly #keys: KeyRing;

  constructor(keys: KeyRing, shared: SharedKey) {
    this.#keys = keys;
    this.shared = shared;
  }

  async wrappingKeys(): Promise<readonly [own: string]> {
    return [await this.#keys.wrappingKey()];
  }

  rewrap(): Promise<readonly WrappingRecord[]> {
    return Promise.resolve([]);
  }

  prove(): Promise<KeyProof> {
    return Promise.resolve({ opened: [], wrappings: [], breakGlass: undefined, notes: [] });
  }
}
