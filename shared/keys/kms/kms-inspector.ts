import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GetKeyRotationStatusCommand,
  GetPublicKeyCommand,
  type KMSClient,
  SignCommand,
} from "@aws-sdk/client-kms";
import { createHash } from "node:crypto";
import { faultOf } from "../../aws-fault.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import { ALLOWED, DENIED, isUnreadable, type Answer, type MaybeUnreadable, type Unreadable } from "../../unreadable.ts";
import type { KeyInspector, KeyPower, KeyUse, KmsFacts, KmsKeyFacts } from "../key-inspector.ts";
import { PURPOSES, type Purpose, type WrapContext } from "../key-ring.ts";
import { parsePublicKey } from "../public-key.ts";
import { openClient } from "./client.ts";
import { kmsError, type KmsCall } from "./errors.ts";
import { signName, wrapName, type KeyName, type KmsSettings } from "./settings.ts";

const NOT_ASKED: Unreadable = { unseen: "unsupported", reason: "not asked" };

/** A key of the configuration, and what it is there for. */
export interface UsedKey {
  readonly use: KeyUse;
  readonly key: KeyName;
}

/** The wrapping key, then those that sign. */
export function usedKeys(settings: KmsSettings): readonly UsedKey[] {
  return [{ use: "wrap", key: wrapName(settings) }, ...PURPOSES.map((purpose) => ({ use: purpose, key: signName(settings, purpose) }))];
}

/** Looks at keys in KMS, and at what the caller may do with them. */
export class KmsInspector implements KeyInspector {
  readonly location: string;
  readonly #region: string;
  readonly #keys: readonly UsedKey[];
  readonly #client: KMSClient;

  constructor(
    place: Pick<KmsSettings, "region" | "endpoint">,
    keys: readonly UsedKey[],
    client: KMSClient = openClient(place, place.region),
  ) {
    this.location = `KMS in ${place.region}`;
    this.#region = place.region;
    this.#keys = keys;
    this.#client = client;
  }

  async facts(signal: AbortSignal): Promise<KmsFacts> {
    const keys = await Promise.all(
      this.#keys.map(({ use, key }) => (use === "wrap" ? this.#wrapping(key, signal) : this.#signing(use, key, signal))),
    );
    return { kind: "kms", region: this.#region, keys };
  }

  async arnOf(id: string, signal: AbortSignal): Promise<MaybeUnreadable<string>> {
    const key: KeyName = { id, setting: "store.sse.kmsKey", use: "encrypts the bucket" };
    try {
      return await this.#see("DescribeKey", key, async () => {
        const { KeyMetadata } = await this.#client.send(new DescribeKeyCommand({ KeyId: id }), { abortSignal: signal });
        return KeyMetadata?.Arn ?? "";
      });
    } catch (error) {
      // The bucket may be in another region or account than the keys.
      if (isLifeboatError(error, "keys/missing")) return { unseen: "unsupported", reason: error.message };
      throw error;
    }
  }

  async powers(context: WrapContext, signal: AbortSignal): Promise<ReadonlyMap<KeyPower, Answer>> {
    const found = this.#keys.flatMap(({ use, key }) =>
      use === "wrap" ? this.#tryWrapping(key, context, signal) : [this.#trySigning(use, key, signal)],
    );
    return new Map(await Promise.all(found.map(async ([power, answer]) => [power, await answer] as const)));
  }

  #tryWrapping(key: KeyName, { cluster, snapshot }: WrapContext, abortSignal: AbortSignal): (readonly [KeyPower, Promise<Answer>])[] {
    const request = { KeyId: key.id, EncryptionContext: { cluster, snapshot }, DryRun: true };
    const encrypt = new EncryptCommand({ ...request, Plaintext: Buffer.from("lifeboat doctor") });
    // A ciphertext that the caller cannot make is not needed: only the permission is looked at.
    const decrypt = new DecryptCommand({ ...request, DryRunModifiers: ["IGNORE_CIPHERTEXT"] });
    return [
      ["wrap", this.#try("Encrypt", key, () => this.#client.send(encrypt, { abortSignal }))],
      ["unwrap", this.#try("Decrypt", key, () => this.#client.send(decrypt, { abortSignal }))],
    ];
  }

  #trySigning(purpose: Purpose, key: KeyName, abortSignal: AbortSignal): readonly [KeyPower, Promise<Answer>] {
    const command = new SignCommand({
      KeyId: key.id,
      Message: createHash("sha256").update("etcd-lifeboat: may this role sign?").digest(),
      MessageType: "DIGEST",
      SigningAlgorithm: "ECDSA_SHA_256",
      DryRun: true,
    });
    return [`sign ${purpose}`, this.#try("Sign", key, () => this.#client.send(command, { abortSignal }))];
  }

  async #wrapping(key: KeyName, signal: AbortSignal): Promise<KmsKeyFacts> {
    return this.#describeKey("wrap", key, async () => {
      const described = await this.#describe(key, signal);
      // Only symmetric keys can be renewed.
      const rotates =
        described.spec !== "SYMMETRIC_DEFAULT"
          ? NOT_ASKED
          : await this.#see("GetKeyRotationStatus", key, async () => {
              const command = new GetKeyRotationStatusCommand({ KeyId: isUnreadable(described.arn) ? key.id : described.arn });
              return (await this.#client.send(command, { abortSignal: signal })).KeyRotationEnabled === true;
            });
      return { ...described, rotates, fingerprint: undefined };
    });
  }

  async #signing(purpose: Purpose, key: KeyName, signal: AbortSignal): Promise<KmsKeyFacts> {
    return this.#describeKey(purpose, key, async () => {
      const described = await this.#describe(key, signal);
      const shown = await this.#see("GetPublicKey", key, () =>
        this.#client.send(new GetPublicKeyCommand({ KeyId: key.id }), { abortSignal: signal }),
      ).catch((error: unknown) => {
        // A key of another kind or state has none to show, which its description has told.
        if (isUnreadable(described.state) || !isLifeboatError(error, "keys/invalid", "keys/disabled", "keys/deleting", "keys/failed"))
          throw error;
        return NOT_ASKED;
      });
      if (isUnreadable(shown)) return { ...described, rotates: undefined, fingerprint: shown };
      const fingerprint = shown.KeySpec === "ECC_NIST_P256" ? fingerprintOf(shown.PublicKey, key) : NOT_ASKED;
      return {
        // A role may see its public key and not its description.
        arn: isUnreadable(described.arn) ? (shown.KeyId ?? described.arn) : described.arn,
        spec: shown.KeySpec ?? described.spec,
        usage: shown.KeyUsage ?? described.usage,
        state: described.state,
        rotates: undefined,
        fingerprint,
      };
    });
  }

  async #describe(key: KeyName, signal: AbortSignal): Promise<Pick<KmsKeyFacts, "arn" | "spec" | "usage" | "state">> {
    const answer = await this.#see("DescribeKey", key, async () => {
      const { KeyMetadata } = await this.#client.send(new DescribeKeyCommand({ KeyId: key.id }), { abortSignal: signal });
      const { Arn: arn = "", KeySpec: spec = "unknown", KeyUsage: usage = "unknown", KeyState: state = "unknown" } = KeyMetadata ?? {};
      return { arn, spec, usage, state };
    });
    return isUnreadable(answer) ? { arn: answer, spec: answer, usage: answer, state: answer } : answer;
  }

  /** The facts that `look` gives, or the error that says why there are none. Errors of the caller, which hold for every key, are thrown. */
  async #describeKey(
    use: KmsKeyFacts["use"],
    { id, setting }: KeyName,
    look: () => Promise<Omit<KmsKeyFacts, "use" | "id" | "setting" | "error">>,
  ): Promise<KmsKeyFacts> {
    try {
      return { use, id, setting, error: undefined, ...(await look()) };
    } catch (error) {
      if (!isLifeboatError(error, "keys/missing", "keys/invalid", "keys/disabled", "keys/deleting")) throw error;
      return {
        use,
        id,
        setting,
        error,
        arn: NOT_ASKED,
        spec: NOT_ASKED,
        usage: NOT_ASKED,
        state: NOT_ASKED,
        rotates: undefined,
        fingerprint: undefined,
      };
    }
  }

  async #see<T>(call: KmsCall["call"], key: KeyName, ask: () => Promise<T>): Promise<MaybeUnreadable<T>> {
    try {
      return await ask();
    } catch (error) {
      const { kind, name, reason } = faultOf(error);
      if (kind === "denied") return { unseen: "denied", reason: name === reason ? name : `${name}: ${reason}` };
      if (name === "UnsupportedOperationException" || name === "UnknownOperationException") return { unseen: "unsupported", reason: name };
      throw this.#failure(error, call, key);
    }
  }

  async #try(call: KmsCall["call"], key: KeyName, ask: () => Promise<unknown>): Promise<Answer> {
    try {
      await ask();
      return ALLOWED;
    } catch (error) {
      const { kind, name, reason } = faultOf(error);
      if (kind === "denied") return DENIED;
      // Emulators do not know the modifiers of a dry run and look for the ciphertext, after the permission.
      if (name === "DryRunOperationException" || (call === "Decrypt" && name === "InvalidCiphertextException")) return ALLOWED;
      if (kind === "service") return { is: "unknown", reason: name === reason ? name : `${name}: ${reason}` };
      throw this.#failure(error, call, key);
    }
  }

  #failure(error: unknown, call: KmsCall["call"], key: KeyName): unknown {
    return error instanceof Error ? kmsError(error, { call, key, location: this.location }) : error;
  }
}

function fingerprintOf(spki: Uint8Array | undefined, { id, setting }: KeyName): string {
  if (spki === undefined) throw new LifeboatError("keys/failed", `KMS shows no public key of ${id} (${setting})`);
  return parsePublicKey(Uint8Array.from(spki), `the public key of ${id}`, "keys/invalid").fingerprint;
}
