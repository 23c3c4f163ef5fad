import { createHash } from "node:crypto";
import { DecryptCommand, GetPublicKeyCommand, type KMSClient, KMSServiceException, SignCommand } from "@aws-sdk/client-kms";
import { isLifeboatError, LifeboatError, messageOf } from "../../errors.ts";
import { recipientIn } from "../identity.ts";
import type { KeyRing, PublicKey, Purpose, Signature, WrapContext, Wrapping } from "../key-ring.ts";
import { parsePublicKey, verifySignature } from "../public-key.ts";
import { openClient } from "./client.ts";
import { arnIn, bytesIn, contextOf, describeWrappingKey, encryptIdentity } from "./encrypt.ts";
import { kmsError, wrongKey, type KmsCall } from "./errors.ts";
import { partsOfArn, signName, wrapName, type KeyName, type KmsSettings } from "./settings.ts";

interface Signer {
  /** What Sign is asked for: the alias may move meanwhile, and its new key would not be the one that is stated. */
  readonly arn: string;
  readonly publicKey: PublicKey;
}

/**
 * Keys in AWS KMS, none of which leaves it. Identities are wrapped by Encrypt with the encryption context {cluster, snapshot} and recorded under the key's
 * ARN, so that they open after the alias went on to another key; signatures are ECDSA_SHA_256 over a digest made here.
 */
export class KmsKeyRing implements KeyRing {
  readonly location: string;
  readonly #settings: KmsSettings;
  readonly #open: typeof openClient;
  readonly #clients = new Map<string, KMSClient>();
  readonly #signers = new Map<Purpose, Promise<Signer>>();
  #wrappingKey: Promise<string> | undefined;

  /** `open` is for callers with credentials of their own. */
  constructor(settings: KmsSettings, open: typeof openClient = openClient) {
    this.#open = open;
    this.location = `KMS in ${settings.region}`;
    this.#settings = settings;
  }

  async wrap(identity: string, context: WrapContext): Promise<Wrapping> {
    const { region } = this.#settings;
    return encryptIdentity(this.#client(region), { key: wrapName(this.#settings), location: `KMS in ${region}` }, identity, context);
  }

  isAtHand({ kind, key }: Pick<Wrapping, "kind" | "key">): boolean {
    return kind === "kms" && partsOfArn(key)?.region === this.#settings.region;
  }

  async unwrap(wrapping: Wrapping, context: WrapContext): Promise<string> {
    const snapshot = `${context.cluster}/${context.snapshot}`;
    const parts = partsOfArn(wrapping.key);
    if (wrapping.kind !== "kms" || parts === undefined) {
      throw new LifeboatError(
        "keys/no-match",
        `the key of ${snapshot} is wrapped by ${wrapping.key} (${wrapping.kind}), and the configured keys are in KMS`,
      );
    }
    // Encrypt gives some 150 bytes more than it was given; Decrypt takes 1 to 6144.
    if (wrapping.ciphertext.length === 0 || wrapping.ciphertext.length > 6144) throw altered(snapshot);
    const key: KeyName = { id: wrapping.key, setting: "the manifest's", use: "opens the key of a snapshot" };
    const command = new DecryptCommand({ KeyId: wrapping.key, CiphertextBlob: wrapping.ciphertext, EncryptionContext: contextOf(context) });
    try {
      const answer = await this.#ask({ call: "Decrypt", key }, (client) => client.send(command), parts.region);
      // Not every service authenticates what it is given: what comes out must be an identity, and its recipient the manifest's (sealed.ts).
      const identity = Buffer.from(answer.Plaintext ?? new Uint8Array()).toString("latin1");
      await recipientIn(identity, `the wrapped key of ${snapshot}`, "verify/sealed");
      return identity;
    } catch (error) {
      if (isLifeboatError(error, "keys/missing")) throw await this.#noMatch(wrapping.key, snapshot, error);
      throw isLifeboatError(error) && isRefusedCiphertext(error.cause) ? altered(snapshot, error.cause) : error;
    }
  }

  async sign(purpose: Purpose, bytes: Uint8Array): Promise<Signature> {
    const { arn, publicKey } = await this.#signer(purpose);
    const signature = await this.#sign(purpose, arn, createHash("sha256").update(bytes).digest(), false);
    if (!verifySignature(publicKey, bytes, signature)) {
      throw new LifeboatError("keys/failed", `${this.location} gave a signature that is not by ${arn}`, {
        hint: "nothing was signed; try again, and see what stands between here and KMS",
      });
    }
    return { signature, publicKey };
  }

  async signingKey(purpose: Purpose): Promise<PublicKey> {
    const { arn, publicKey } = await this.#signer(purpose);
    // A public key says nothing of the permission to sign, nor of the key's state.
    await this.#sign(purpose, arn, createHash("sha256").update("etcd-lifeboat: may this role sign?").digest(), true);
    return publicKey;
  }

  async publicKey(purpose: Purpose): Promise<PublicKey> {
    return (await this.#signer(purpose)).publicKey;
  }

  async wrappingKey(): Promise<string> {
    this.#wrappingKey ??= describeWrappingKey(this.#client(this.#settings.region), {
      key: wrapName(this.#settings),
      location: this.location,
    }).catch((error: unknown) => {
      this.#wrappingKey = undefined;
      throw error;
    });
    return this.#wrappingKey;
  }

  #signer(purpose: Purpose): Promise<Signer> {
    const known = this.#signers.get(purpose);
    if (known !== undefined) return known;
    const asking = this.#readSigner(purpose);
    this.#signers.set(purpose, asking);
    // A key that was mended is seen.
    asking.catch(() => this.#signers.delete(purpose));
    return asking;
  }

  async #readSigner(purpose: Purpose): Promise<Signer> {
    const key = signName(this.#settings, purpose);
    const answer = await this.#ask({ call: "GetPublicKey", key }, (client) => client.send(new GetPublicKeyCommand({ KeyId: key.id })));
    if (answer.KeySpec !== "ECC_NIST_P256" || answer.KeyUsage !== "SIGN_VERIFY")
      throw wrongKey(key, this.location, `it is ${answer.KeySpec ?? "unknown"} for ${answer.KeyUsage ?? "unknown"}`);
    const spki = bytesIn(answer.PublicKey, "GetPublicKey");
    return { arn: arnIn(answer.KeyId), publicKey: parsePublicKey(spki, `the public key of ${key.id} in ${this.location}`, "keys/invalid") };
  }

  /** With `dryRun` KMS only says whether it would sign; a service that does not know dry runs signs, which does no harm. */
  async #sign(purpose: Purpose, arn: string, digest: Uint8Array, dryRun: boolean): Promise<Uint8Array> {
    const key = { ...signName(this.#settings, purpose), id: this.#settings.sign[purpose] };
    const command = new SignCommand({
      KeyId: arn,
      Message: digest,
      MessageType: "DIGEST",
      SigningAlgorithm: "ECDSA_SHA_256",
      ...(dryRun ? { DryRun: true } : {}),
    });
    const answer = await this.#ask({ call: "Sign", key }, (client) =>
      client.send(command).catch((error: unknown) => {
        if (dryRun && error instanceof KMSServiceException && error.name === "DryRunOperationException") return undefined;
        throw error;
      }),
    );
    return answer === undefined ? new Uint8Array() : bytesIn(answer.Signature, "Sign");
  }

  async #ask<T>(call: Omit<KmsCall, "location">, ask: (client: KMSClient) => Promise<T>, region = this.#settings.region): Promise<T> {
    try {
      return await ask(this.#client(region));
    } catch (error) {
      throw kmsError(error, { ...call, location: `KMS in ${region}` });
    }
  }

  /** A wrapping may be under a key of another region: a replica's. */
  #client(region: string): KMSClient {
    const known = this.#clients.get(region);
    if (known !== undefined) return known;
    const client = this.#open(this.#settings, region);
    this.#clients.set(region, client);
    return client;
  }

  async #noMatch(key: string, snapshot: string, cause: LifeboatError): Promise<LifeboatError> {
    const ours = await this.wrappingKey().catch((error: unknown) => `no key (${messageOf(error)})`);
    return new LifeboatError(
      "keys/no-match",
      `the key of ${snapshot} is wrapped by ${key}, which is not there for this role; keys.wrap is ${ours}`,
      {
        hint: "use a role of that key's account, a replica whose key this role may use, or the break-glass identity",
        cause,
      },
    );
  }
}

function isRefusedCiphertext(error: unknown): boolean {
  const refused = ["InvalidCiphertextException", "IncorrectKeyException", "ValidationException"];
  return error instanceof KMSServiceException && refused.includes(error.name);
}

function altered(snapshot: string, cause?: unknown): LifeboatError {
  return new LifeboatError("verify/sealed", `the wrapped key of ${snapshot} was altered, or belongs to another snapshot`, {
    hint: "use another snapshot, or the break-glass identity",
    ...(cause === undefined ? {} : { cause }),
  });
}
