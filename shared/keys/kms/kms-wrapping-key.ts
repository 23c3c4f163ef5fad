import type { WrapContext, Wrapping, WrappingKey } from "../key-ring.ts";
import { openClient } from "./client.ts";
import { describeWrappingKey, encryptIdentity } from "./encrypt.ts";
import type { KeyName } from "./settings.ts";

export interface KmsWrappingKeySettings {
  /** Symmetric, ENCRYPT_DECRYPT: alias, ARN or id. */
  readonly key: string;
  readonly region: string;
  readonly endpoint?: string | undefined;
}

/** A wrapping key in KMS that is another's to unwrap with: it takes Encrypt alone. */
export class KmsWrappingKey implements WrappingKey {
  readonly location: string;
  readonly #key: KeyName;
  readonly #client: ReturnType<typeof openClient>;

  /** `setting` is where the configuration names it; `open` is for callers with credentials of their own. */
  constructor(settings: KmsWrappingKeySettings, setting: string, open: typeof openClient = openClient) {
    this.location = `KMS in ${settings.region}`;
    this.#key = { id: settings.key, setting, use: "encrypts the keys of snapshots for a replica" };
    this.#client = open(settings, settings.region);
  }

  wrappingKey(): Promise<string> {
    return describeWrappingKey(this.#client, { key: this.#key, location: this.location });
  }

  wrap(identity: string, context: WrapContext): Promise<Wrapping> {
    return encryptIdentity(this.#client, { key: this.#key, location: this.location }, identity, context);
  }
}
