import { EncryptCommand, type KMSClient } from "@aws-sdk/client-kms";
import { LifeboatError } from "../../errors.ts";
import { recipientIn } from "../identity.ts";
import type { WrapContext, Wrapping } from "../key-ring.ts";
import { kmsError, type KmsCall } from "./errors.ts";
import { partsOfArn, type KeyName } from "./settings.ts";

/** Wraps `identity` under `key` by Encrypt with the encryption context {cluster, snapshot}; recorded under the ARN of the key that did it. */
export async function encryptIdentity(
  client: KMSClient,
  { key, location }: { readonly key: KeyName; readonly location: string },
  identity: string,
  context: WrapContext,
): Promise<Wrapping> {
  await recipientIn(identity, "what is to be wrapped");
  const command = new EncryptCommand({ KeyId: key.id, Plaintext: Buffer.from(identity), EncryptionContext: contextOf(context) });
  const answer = await client.send(command).catch((error: unknown) => {
    throw kmsError(error, { call: "Encrypt", key, location });
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
