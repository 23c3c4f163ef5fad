import { LifeboatError } from "../../errors.ts";
import type { Unwrapper, WrapContext, Wrapping, WrappingKey } from "../key-ring.ts";
import { openClient } from "./client.ts";
import { decryptIdentity, mayBeUnder } from "./decrypt.ts";
import { describeWrappingKey, encryptIdentity } from "./encrypt.ts";
import type { KeyName } from "./settings.ts";

export interface KmsWrappingKeySettings {
  /** Symmetric, ENCRYPT_DECRYPT: alias, ARN or id. */
  readonly key: string;
  readonly region: string;
  readonly endpoint?: string | undefined;
}

/** A replica's wrapping key in KMS. Wrapping takes Encrypt alone; to unwrap by it is mostly another's right. */
export class KmsWrappingKey implements WrappingKey, Unwrapper {
  readonly location: string;
  readonly #key: KeyName;
  readonly #region: string;
  readonly #client: ReturnType<typeof openClient>;

  /** `setting` is where the configuration names it; `open` is for callers with credentials of their own. */
  constructor(settings: KmsWrappingKeySettings, setting: string, open: typeof openClient = openClient) {
    this.location = `KMS in ${settings.region}`;
    this.#key = { id: settings.key, setting, use: "encrypts the keys of snapshots for a replica" };
    this.#region = settings.region;
    this.#client = open(settings, settings.region);
  }

  wrappingKey(): Promise<string> {
    return describeWrappingKey(this.#client, { key: this.#key, location: this.location });
  }

  wrap(identity: string, context: WrapContext, signal?: AbortSignal): Promise<Wrapping> {
    return encryptIdentity(this.#client, { key: this.#key, location: this.location }, identity, context, signal);
  }

  isAtHand({ kind, key }: Pick<Wrapping, "kind" | "key">): boolean {
    return kind === "kms" && mayBeUnder({ key: this.#key, region: this.#region }, key);
  }

  async unwrap(wrapping: Wrapping, context: WrapContext, signal?: AbortSignal): Promise<string> {
    const place = { key: this.#key, region: this.#region };
    const identity = this.isAtHand(wrapping) ? await decryptIdentity(this.#client, place, wrapping, context, signal) : undefined;
    if (identity !== undefined) return identity;
    throw new LifeboatError(
      "keys/no-match",
      `the key of ${context.cluster}/${context.snapshot} is wrapped by ${wrapping.key}, which is not ${this.#key.id} (${this.#key.setting})`,
    );
  }
}
