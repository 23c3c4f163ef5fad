import type { RandomBytes } from "../../clock.ts";
import type { WrappingRecord } from "../../documents/parts.ts";
import { REPOSITORY_CONTEXT } from "../../documents/repository.ts";
import type { WrappedPassword } from "../../documents/repository.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { KeyRing, WrapContext } from "../../keys/key-ring.ts";
import { decryptSmall, encryptSmall, newIdentity, recipientOf } from "../../seal/age.ts";
import { DAMAGED } from "../stored-object.ts";

/** The password of a Kopia repository: 32 random bytes, in an age file, whose identity is wrapped as those of snapshots are. */

/** A new one, which is nowhere else. */
export async function newPassword(keys: KeyRing, breakGlass: readonly string[], randomBytes: RandomBytes): Promise<WrappedPassword> {
  const store = Buffer.from(randomBytes(16)).toString("hex");
  return wrapPassword({ store, password: Buffer.from(randomBytes(32)).toString("base64url") }, keys, breakGlass);
}

/** The same password, under the current wrapping key and for the configured break-glass recipients alone. */
export async function rewrapPassword(wrapped: WrappedPassword, keys: KeyRing, breakGlass: readonly string[]): Promise<WrappedPassword> {
  return wrapPassword({ store: wrapped.store, password: await openPassword(wrapped, keys) }, keys, breakGlass);
}

async function wrapPassword(
  { store, password }: { readonly store: string; readonly password: string },
  keys: KeyRing,
  breakGlass: readonly string[],
): Promise<WrappedPassword> {
  const { identity, recipient } = await newIdentity();
  const { kind, key, ciphertext } = await keys.wrap(identity, contextOf(store));
  const sealed = await encryptSmall([recipient, ...breakGlass], Buffer.from(password));
  return {
    store,
    recipient,
    password: Buffer.from(sealed).toString("base64"),
    wrappings: [{ kind, key, ciphertext: Buffer.from(ciphertext).toString("base64") }],
    breakGlass: [...breakGlass],
  };
}

/** Opened by the key ring, or by `identities` in its place. Errors as those of a KeyRing; `verify/sealed` where the document does not hold together. */
export async function openPassword(
  wrapped: WrappedPassword,
  keys: KeyRing,
  identities?: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const by = identities ?? [await unwrapOne(wrapped, keys, signal)];
  return Buffer.from(await decryptSmall(by, Buffer.from(wrapped.password, "base64"))).toString("utf8");
}

/** The identity from the first wrapping that opens; what tells most of why none does. */
async function unwrapOne(
  { store, recipient, wrappings }: WrappedPassword,
  keys: KeyRing,
  signal: AbortSignal | undefined,
): Promise<string> {
  let refused: LifeboatError | undefined;
  for (const wrapping of wrappings.toSorted((one, other) => Number(keys.isAtHand(other)) - Number(keys.isAtHand(one)))) {
    try {
      const identity = await unwrap(wrapping, store, keys, signal);
      if ((await recipientOf(identity).catch(() => undefined)) === recipient) return identity;
      refused = new LifeboatError("verify/sealed", "the wrapped identity is not the one that the repository's password is encrypted to", {
        hint: DAMAGED,
      });
    } catch (error) {
      if (!isLifeboatError(error, "keys/", "verify/sealed")) throw error;
      refused ??= error;
    }
  }
  throw refused ?? new LifeboatError("verify/format", "the password of the Kopia repository is not wrapped", { hint: DAMAGED });
}

function unwrap({ kind, key, ciphertext }: WrappingRecord, store: string, keys: KeyRing, signal: AbortSignal | undefined): Promise<string> {
  return keys.unwrap({ kind, key, ciphertext: Buffer.from(ciphertext, "base64") }, contextOf(store), signal);
}

function contextOf(store: string): WrapContext {
  return { cluster: REPOSITORY_CONTEXT, snapshot: store };
}
