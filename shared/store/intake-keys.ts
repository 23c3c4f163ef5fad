import { intakeContext } from "../documents/intake.ts";
import type { Intake, WrappedIntake } from "../documents/intake.ts";
import { LifeboatError } from "../errors.ts";
import { releaseBuffer } from "../seal/release-buffer.ts";
import { decryptAge, newIdentity, readdress, recipientOf } from "../seal/age.ts";
import { identityIn } from "./identity-in.ts";
import type { StoreKeys } from "../keys/store-keys.ts";
import { copyFor, unwrapFirst, wrapUnderEach } from "./wrap-identity.ts";

/** The identity that nodes encrypt their files to: X25519, wrapped as those of snapshots are, in a context of its own. */

const ALTERED = "find out who changed the store; sets that were encrypted to it open by the break-glass identity of the time";

/** A new one, which is nowhere else. Throws as a KeyRing does. */
export async function newIntake(
  keys: StoreKeys,
  breakGlass: readonly string[],
  { cluster, number }: Pick<Intake, "cluster" | "number">,
  signal?: AbortSignal,
): Promise<WrappedIntake> {
  const { identity, recipient } = await newIdentity();
  const wrappings = await wrapUnderEach(keys, identity, intakeContext(cluster, number), signal);
  const copy = await copyFor(breakGlass, `intake ${number} of ${cluster}`, identity);
  return { recipient, wrappings: [...wrappings], ...(copy === undefined ? {} : { breakGlass: copy }) };
}

/** The identity of an intake, by the keys or by `identities` in their place. Throws as a KeyRing does, and `verify/sealed` where the document does not hold together. */
export async function openIntake(
  { cluster, number, recipient, wrappings, breakGlass }: Intake,
  keys: StoreKeys,
  { identities, signal }: { readonly identities?: readonly string[] | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const context = intakeContext(cluster, number);
  const what = `what is encrypted to intake ${number} of ${cluster}`;
  if (identities === undefined) return unwrapFirst(keys, wrappings, { context, recipient, what, hint: ALTERED }, signal);
  for (const identity of identities) if ((await recipientOf(identity)) === recipient) return identity;
  const sealed = [
    ...(breakGlass === undefined ? [] : [breakGlass.ciphertext]),
    ...wrappings.flatMap(({ kind, ciphertext }) => (kind === "local" ? [ciphertext] : [])),
  ];
  for (const ciphertext of sealed) {
    const [identity] = await identityIn(Buffer.from(ciphertext, "base64"), identities, recipient);
    if (identity !== undefined) return identity;
  }
  throw new LifeboatError("keys/no-match", `none of the given identities opens ${what}`, {
    hint:
      breakGlass === undefined ? "it has no break-glass recipients" : `its break-glass recipients are ${breakGlass.recipients.join(", ")}`,
  });
}

/** A set that is encrypted to an intake, as an age file for `recipient`: see `readdress`. Throws as `openIntake` does. */
export async function addressNodeFiles(
  set: Uint8Array,
  intake: Intake,
  keys: StoreKeys,
  recipient: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return readdress(set, [await openIntake(intake, keys, { signal })], [recipient]);
}

/** The plaintext of a set: see `decryptAge`. A piece is only valid until the next one is asked for: what it took of memory is given back then, however much a hostile set has. */
export async function* openNodeFiles(identity: string, ciphertext: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of decryptAge([identity], ciphertext)) {
    yield piece;
    releaseBuffer(piece);
  }
}
