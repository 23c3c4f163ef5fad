import { DecryptCommand, type KMSClient, KMSServiceException } from "@aws-sdk/client-kms";
import { LifeboatError } from "../../errors.ts";
import { recipientIn } from "../identity.ts";
import type { WrapContext, Wrapping } from "../key-ring.ts";
import { contextOf } from "./encrypt.ts";
import { kmsError } from "./errors.ts";
import { partsOfArn, type KeyName } from "./settings.ts";

/** A key of the configuration that may be asked to unwrap, and where it is. */
export interface UnwrappingKey {
  readonly key: KeyName;
  readonly region: string;
}

/**
 * Whether a wrapping that names `arn` may be under `key`. An alias says it only when it is asked; what is of another region or
 * account is not, and neither is what another ARN or id names.
 */
export function mayBeUnder({ key: { id }, region }: UnwrappingKey, arn: string): boolean {
  const parts = partsOfArn(arn);
  if (parts === undefined || parts.region !== region) return false;
  if (id.startsWith("alias/")) return true;
  const alias = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):(\d{12}):alias\//.exec(id);
  if (alias !== null) return alias[1] === parts.region && alias[2] === parts.account;
  return id === arn || arn.endsWith(`:key/${id}`);
}

/**
 * Unwraps by Decrypt under `key` as the configuration names it, and never under the key that the wrapping names: that is the
 * writer's word. Undefined where the wrapping is under another key. Throws `verify/sealed` for a wrapping that was altered or is
 * another snapshot's, and as a KeyRing otherwise.
 */
export async function decryptIdentity(
  client: KMSClient,
  { key, region }: UnwrappingKey,
  wrapping: Wrapping,
  context: WrapContext,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const snapshot = `${context.cluster}/${context.snapshot}`;
  // Encrypt gives some 150 bytes more than it was given; Decrypt takes 1 to 6144.
  if (wrapping.ciphertext.length === 0 || wrapping.ciphertext.length > 6144) throw altered(snapshot);
  const command = new DecryptCommand({ KeyId: key.id, CiphertextBlob: wrapping.ciphertext, EncryptionContext: contextOf(context) });
  try {
    const answer = await client.send(command, { abortSignal: signal });
    if (answer.KeyId !== wrapping.key) return undefined;
    // Not every service authenticates what it is given: what comes out must be an identity, and its recipient the manifest's (sealed.ts).
    const identity = Buffer.from(answer.Plaintext ?? new Uint8Array()).toString("latin1");
    await recipientIn(identity, `the wrapped key of ${snapshot}`, "verify/sealed");
    return identity;
  } catch (error) {
    if (isNamed(error, "IncorrectKeyException") && key.id !== wrapping.key) return undefined;
    if (isNamed(error, "InvalidCiphertextException", "IncorrectKeyException", "ValidationException")) throw altered(snapshot, error);
    throw kmsError(error, { call: "Decrypt", key, location: `KMS in ${region}` }, signal);
  }
}

function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof KMSServiceException && names.includes(error.name);
}

export function altered(snapshot: string, cause?: unknown): LifeboatError {
  return new LifeboatError("verify/sealed", `the wrapped key of ${snapshot} was altered, or belongs to another snapshot`, {
    hint: "use another snapshot, or the break-glass identity",
    ...(cause === undefined ? {} : { cause }),
  });
}
