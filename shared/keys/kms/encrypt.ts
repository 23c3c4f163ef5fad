import { DescribeKeyCommand, EncryptCommand, type KMSClient } from "@aws-sdk/client-kms";
import { LifeboatError } from "../../errors.ts";
import { recipientIn } from "../identity.ts";
import type { WrapContext, Wrapping } from "../key-ring.ts";
import { kmsError, wrongKey, type KmsCall } from "./errors.ts";
import { partsOfArn, type KeyName } from "./settings.ts";

interface KeyPlace {
  readonly key: KeyName;
  /** For people: "KMS in eu-central-1". */
  readonly location: string;
}

/** The ARN of a wrapping key; throws where it could not be used now. */
export async function describeWrappingKey(client: KMSClient, { key, location }: KeyPlace, signal?: AbortSignal): Promise<string> {
  const rethrow = (error: unknown): never => {
    throw kmsError(error, { call: "DescribeKey", key, location }, signal);
  };
  const answer = await client.send(new DescribeKeyCommand({ KeyId: key.id }), { abortSignal: signal }).catch(rethrow);
  const { Arn, KeySpec, KeyUsage, KeyState } = answer.KeyMetadata ?? {};
  if (KeySpec !== "SYMMETRIC_DEFAULT" || KeyUsage !== "ENCRYPT_DECRYPT")
    throw wrongKey(key, location, `it is ${KeySpec ?? "unknown"} for ${KeyUsage ?? "unknown"}`);
  if (KeyState !== "Enabled") rethrow(stateError(KeyState));
  return arnIn(Arn);
}

/** Wraps `identity` under `key` by Encrypt with the encryption context {cluster, snapshot}; recorded under the ARN of the key that did it. */
export async function encryptIdentity(
  client: KMSClient,
  { key, location }: KeyPlace,
  identity: string,
  context: WrapContext,
  signal?: AbortSignal,
): Promise<Wrapping> {
  await recipientIn(identity, "what is to be wrapped");
  const command = new EncryptCommand({ KeyId: key.id, Plaintext: Buffer.from(identity), EncryptionContext: contextOf(context) });
  const answer = await client.send(command, { abortSignal: signal }).catch((error: unknown) => {
    throw kmsError(error, { call: "Encrypt", key, location }, signal);
  });
  return { kind: "kms", key: arnIn(answer.KeyId), ciphertext: bytesIn(answer.CiphertextBlob, "Encrypt") };
}

export function contextOf({ cluster, snapshot }: WrapContext): Record<string, string> {
  return { cluster, snapshot };
}

export function arnIn(arn: string | undefined): string {
  if (arn !== undefined && partsOfArn(arn) !== undefined) return arn;
  throw new LifeboatError("keys/failed", `KMS named a key by ${arn ?? "nothing"}, which is not the ARN of a key`);
}

export function bytesIn(bytes: Uint8Array | undefined, call: KmsCall["call"]): Uint8Array {
  if (bytes !== undefined && bytes.length > 0) return Uint8Array.from(bytes);
  throw new LifeboatError("keys/failed", `KMS answered ${call} with nothing in it`);
}

/** What a use of the key in this state would be answered with. */
function stateError(state: string | undefined): Error {
  const name = state === "Disabled" ? "DisabledException" : "KMSInvalidStateException";
  return Object.assign(new Error(state === "PendingDeletion" ? "pending deletion" : `its state is ${state ?? "unknown"}`), {
    name,
    $metadata: { httpStatusCode: 400 },
  });
}
