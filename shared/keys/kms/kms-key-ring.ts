import { createHash } from "node:crypto";
import { GetPublicKeyCommand, type KMSClient, KMSServiceException, SignCommand } from "@aws-sdk/client-kms";
import { LifeboatError, messageOf } from "../../errors.ts";
import type { KeyRing, Pieces, PublicKey, Purpose, Signature, WrapContext, Wrapping } from "../key-ring.ts";
import { parsePublicKey, piecesOf, verifySignature } from "../public-key.ts";
import { openClient } from "./client.ts";
import { altered, decryptIdentity, mayBeUnder, type UnwrappingKey } from "./decrypt.ts";
import { arnIn, bytesIn, describeWrappingKey, encryptIdentity } from "./encrypt.ts";
import { kmsError, wrongKey, type KmsCall } from "./errors.ts";
import { partsOfArn, retiredName, signName, wrapName, type KmsSettings } from "./settings.ts";

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

  async wrap(identity: string, context: WrapContext, signal?: AbortSignal): Promise<Wrapping> {
    const { region } = this.#settings;
    const place = { key: wrapName(this.#settings), location: `KMS in ${region}` };
    return encryptIdentity(this.#client(region), place, identity, context, signal);
  }

  isAtHand({ kind, key }: Pick<Wrapping, "kind" | "key">): boolean {
    return kind === "kms" && this.#unwrappingKeys().some((each) => mayBeUnder(each, key));
  }

  async unwrap(wrapping: Wrapping, context: WrapContext, signal?: AbortSignal): Promise<string> {
    const snapshot = `${context.cluster}/${context.snapshot}`;
    if (wrapping.kind !== "kms" || partsOfArn(wrapping.key) === undefined) {
      throw new LifeboatError(
        "keys/no-match",
        `the key of ${snapshot} is wrapped by ${wrapping.key} (${wrapping.kind}), and the configured keys are in KMS`,
      );
    }
    for (const each of this.#unwrappingKeys()) {
      if (!mayBeUnder(each, wrapping.key)) continue;
      const identity = await decryptIdentity(this.#client(each.region), each, wrapping, context, signal);
      if (identity !== undefined) return identity;
    }
    throw await this.#noMatch(wrapping.key, snapshot);
  }

  /** Those of the configuration, the present one first: no other is asked, whatever a manifest names. */
  #unwrappingKeys(): readonly UnwrappingKey[] {
    const { region, retired = [] } = this.#settings;
    return [
      { key: wrapName(this.#settings), region },
      ...retired.map((arn) => ({ key: retiredName(arn), region: partsOfArn(arn)?.region ?? region })),
    ];
  }

  async sign(purpose: Purpose, bytes: Pieces): Promise<Signature> {
    const { arn, publicKey } = await this.#signer(purpose);
    const hash = createHash("sha256");
    for (const piece of piecesOf(bytes)) hash.update(piece);
    const signature = await this.#sign(purpose, arn, hash.digest(), false);
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

  async #ask<T>(call: Omit<KmsCall, "location">, ask: (client: KMSClient) => Promise<T>): Promise<T> {
    try {
      return await ask(this.#client(this.#settings.region));
    } catch (error) {
      throw kmsError(error, { ...call, location: this.location });
    }
  }

  /** A retired key may be of another region. */
  #client(region: string): KMSClient {
    const known = this.#clients.get(region);
    if (known !== undefined) return known;
    const client = this.#open(this.#settings, region);
    this.#clients.set(region, client);
    return client;
  }

  /** An alias that is refused as the wrong key is told from a wrapping that only names our key. */
  async #noMatch(key: string, snapshot: string): Promise<LifeboatError> {
    const ours = await this.wrappingKey().catch((error: unknown) => `no key (${messageOf(error)})`);
    if (ours === key) return altered(snapshot);
    return new LifeboatError(
      "keys/no-match",
      `the key of ${snapshot} is wrapped by ${key}, which is no key of the configuration; keys.wrap is ${ours}`,
      {
        hint: "if it is an older wrapping key of yours list its ARN under keys.retired; else use a replica whose key this role may use, or the break-glass identity",
      },
    );
  }
}
