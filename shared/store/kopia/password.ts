import type { RandomBytes } from "../../clock.ts";
import { REPOSITORY_CONTEXT } from "../../documents/repository.ts";
import type { WrappedPassword } from "../../documents/repository.ts";
import type { WrapContext } from "../../keys/key-ring.ts";
import { unwrapFirst, wrapUnderEach } from "../wrap-identity.ts";
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
  keys: StoreKeys,
  breakGlass: readonly string[],
): Promise<WrappedPassword> {
  const { identity, recipient } = await newIdentity();
  const wrappings = await wrapUnderEach(keys, identity, contextOf(store));
  const sealed = await encryptSmall([recipient, ...breakGlass], Buffer.from(password));
  return {
    store,
    recipient,
    password: Buffer.from(sealed).toString("base64"),
    wrappings: [...wrappings],
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
  const { store, recipient, wrappings } = wrapped;
  const named = { context: contextOf(store), recipient, what: "the password of the Kopia repository", hint: DAMAGED };
  const by =
    identities === undefined
      ? [await unwrapFirst(keys, wrappings, named, signal)]
      : [...(await wrappedFor(wrapped, identities)), ...identities];
  return Buffer.from(await decryptSmall(by, Buffer.from(wrapped.password, "base64"))).toString("utf8");
}

/** The identity where one of `identities` is a wrapping key that it is wrapped under. */
async function wrappedFor({ recipient, wrappings }: WrappedPassword, identities: readonly string[]): Promise<readonly string[]> {
  const recipients = await Promise.all(identities.map((each) => recipientOf(each)));
  const sealed = wrappings.filter(({ kind, key }) => kind === "local" && recipients.includes(key));
  const found = await Promise.all(sealed.map(({ ciphertext }) => identityIn(Buffer.from(ciphertext, "base64"), identities, recipient)));
  return found.flat();
}

function contextOf(store: string): WrapContext {
  return { cluster: REPOSITORY_CONTEXT, snapshot: store };
}
