import { isLifeboatError, LifeboatError } from "../errors.ts";
import type { WrappingRecord } from "../documents/parts.ts";
import { encryptSmall, recipientOf } from "../seal/age.ts";
import type { WrapContext } from "../keys/key-ring.ts";
import { inTurn } from "../keys/store-keys.ts";
import type { StoreKeys } from "../keys/store-keys.ts";

/** `identity` wrapped under the store's own key and those of replicas. Throws as a KeyRing does. */
export async function wrapUnderEach(
  { keys, replicaKeys = [] }: StoreKeys,
  identity: string,
  context: WrapContext,
  signal?: AbortSignal,
): Promise<readonly WrappingRecord[]> {
  const wrappings: WrappingRecord[] = [];
  for (const each of [keys, ...replicaKeys]) {
    const { kind, key, ciphertext } = await each.wrap(identity, context, signal);
    wrappings.push({ kind, key, ciphertext: Buffer.from(ciphertext).toString("base64") });
  }
  return wrappings;
}

/**
 * The identity of `recipient` from the first of `wrappings` that opens; what tells most of why none does. `what` names it for messages, `hint` is for one that was altered. Throws as a KeyRing does.
 */
export async function unwrapFirst(
  keys: StoreKeys,
  wrappings: readonly WrappingRecord[],
  {
    context,
    recipient,
    what,
    hint,
  }: { readonly context: WrapContext; readonly recipient: string; readonly what: string; readonly hint: string },
  signal?: AbortSignal,
): Promise<string> {
  let refused: LifeboatError | undefined;
  for (const [by, { kind, key, ciphertext }] of inTurn(keys, wrappings)) {
    try {
      const identity = await by.unwrap({ kind, key, ciphertext: Buffer.from(ciphertext, "base64") }, context, signal);
      if ((await recipientOf(identity).catch(() => undefined)) === recipient) return identity;
      refused = new LifeboatError("verify/sealed", `the wrapped identity is not the one that ${what} is encrypted to`, { hint });
    } catch (error) {
      if (!isLifeboatError(error, "keys/", "verify/sealed")) throw error;
      refused ??= error;
    }
  }
  throw refused ?? new LifeboatError("verify/format", `${what} is not wrapped`, { hint });
}

/** An identity as an age identity file for `recipients`, which `comment` says what it is of: see `breakGlassCopy` in shared/documents/parts.ts. Undefined without recipients. */
export async function copyFor(
  recipients: readonly string[],
  comment: string,
  identity: string,
): Promise<{ readonly recipients: string[]; readonly ciphertext: string } | undefined> {
  if (recipients.length === 0) return undefined;
  const ciphertext = await encryptSmall(recipients, Buffer.from(`# ${comment}\n${identity}\n`));
  return { recipients: [...recipients], ciphertext: Buffer.from(ciphertext).toString("base64") };
}
