import type { RandomBytes } from "../../clock.ts";
import type { WrappingRecord } from "../../documents/parts.ts";
import { REPOSITORY_CONTEXT } from "../../documents/repository.ts";
import type { WrappedPassword } from "../../documents/repository.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Unwrapper, WrapContext } from "../../keys/key-ring.ts";
import { inTurn } from "../../keys/store-keys.ts";
import type { StoreKeys } from "../../keys/store-keys.ts";
import { decryptSmall, encryptSmall, newIdentity, recipientOf } from "../../seal/age.ts";
import { identityIn } from "../identity-in.ts";
import { DAMAGED } from "../stored-object.ts";

/** The password of a Kopia repository: 32 random bytes, in an age file, whose identity is wrapped as those of snapshots are. */

/** A new one, which is nowhere else. */
export async function newPassword(keys: StoreKeys, breakGlass: readonly string[], randomBytes: RandomBytes): Promise<WrappedPassword> {
  const store = Buffer.from(randomBytes(16)).toString("hex");
  return wrapPassword({ store, password: Buffer.from(randomBytes(32)).toString("base64url") }, keys, breakGlass);
}

/** The same password, under the current wrapping keys and for the configured break-glass recipients alone. */
export async function rewrapPassword(wrapped: WrappedPassword, keys: StoreKeys, breakGlass: readonly string[]): Promise<WrappedPassword> {
  return wrapPassword({ store: wrapped.store, password: await openPassword(wrapped, keys) }, keys, breakGlass);
}

async function wrapPassword(
  { store, password }: { readonly store: string; readonly password: string },
  { keys, replicaKeys = [] }: StoreKeys,
  breakGlass: readonly string[],
): Promise<WrappedPassword> {
  const { identity, recipient } = await newIdentity();
  const wrappings: WrappingRecord[] = [];
  for (const each of [keys, ...replicaKeys]) {
    const { kind, key, ciphertext } = await each.wrap(identity, contextOf(store));
    wrappings.push({ kind, key, ciphertext: Buffer.from(ciphertext).toString("base64") });
  }
  const sealed = await encryptSmall([recipient, ...breakGlass], Buffer.from(password));
  return {
    store,
    recipient,
    password: Buffer.from(sealed).toString("base64"),
    wrappings,
    breakGlass: [...breakGlass],
  };
}

/** Opened by a key, or by `identities` in its place. Errors as those of a KeyRing; `verify/sealed` where the document does not hold together. */
export async function openPassword(
  wrapped: WrappedPassword,
  keys: StoreKeys,
  identities?: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const by =
    identities === undefined ? [await unwrapOne(wrapped, keys, signal)] : [...(await wrappedFor(wrapped, identities)), ...identities];
  return Buffer.from(await decryptSmall(by, Buffer.from(wrapped.password, "base64"))).toString("utf8");
}

/** The identity where one of `identities` is a wrapping key that it is wrapped under. */
async function wrappedFor({ recipient, wrappings }: WrappedPassword, identities: readonly string[]): Promise<readonly string[]> {
  const recipients = await Promise.all(identities.map((each) => recipientOf(each)));
  const sealed = wrappings.filter(({ kind, key }) => kind === "local" && recipients.includes(key));
  const found = await Promise.all(sealed.map(({ ciphertext }) => identityIn(Buffer.from(ciphertext, "base64"), identities, recipient)));
  return found.flat();
}

/** The identity from the first wrapping that opens; what tells most of why none does. */
async function unwrapOne(
  { store, recipient, wrappings }: WrappedPassword,
  keys: StoreKeys,
  signal: AbortSignal | undefined,
): Promise<string> {
  let refused: LifeboatError | undefined;
  for (const [by, wrapping] of inTurn(keys, wrappings)) {
    try {
      const identity = await unwrap(by, wrapping, store, signal);
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

function unwrap(by: Unwrapper, { kind, key, ciphertext }: WrappingRecord, store: string, signal: AbortSignal | undefined): Promise<string> {
  return by.unwrap({ kind, key, ciphertext: Buffer.from(ciphertext, "base64") }, contextOf(store), signal);
}

function contextOf(store: string): WrapContext {
  return { cluster: REPOSITORY_CONTEXT, snapshot: store };
}
