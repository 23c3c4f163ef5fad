import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { LifeboatError } from "../errors.ts";

/**
 * An age identity as text (`AGE-SECRET-KEY-1...`, `AGE-SECRET-KEY-PQ-1...`), or a passphrase for a file that someone encrypted
 * with one.
 */
export type AgeIdentity = string | { readonly passphrase: string };

/** A fresh X25519 key pair: `AGE-SECRET-KEY-1...` and its `age1...`. */
export async function newIdentity(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** The recipient that belongs to an identity. `keys/invalid` where it is none. */
export async function recipientOf(identity: string): Promise<string> {
  checkIdentity(identity, "the identity");
  return identityToRecipient(identity);
}

/**
 * The identities in the text of an age identity file, in its order: one a line, with blank lines and `#` comments between.
 * `keys/invalid` names the first line that is something else, and a text without any identity.
 */
export function readIdentities(text: string): string[] {
  const identities: string[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    checkIdentity(line, `line ${index + 1} of the identity file`);
    identities.push(line);
  }
  if (identities.length === 0) {
    throw new LifeboatError("keys/invalid", "the identity file holds no identity", {
      hint: "a line with AGE-SECRET-KEY-1... is expected; age-keygen makes one",
    });
  }
  return identities;
}

/** A decrypter that tries `identities` in turn. `keys/invalid` where one cannot be read. */
export function decrypterOf(identities: readonly AgeIdentity[]): Decrypter {
  const decrypter = new Decrypter();
  for (const [index, identity] of identities.entries()) {
    if (typeof identity !== "string") decrypter.addPassphrase(identity.passphrase);
    else add(decrypter, identity, `identity ${index + 1}`);
  }
  return decrypter;
}

function checkIdentity(identity: string, name: string): void {
  add(new Decrypter(), identity, name);
}

function add(decrypter: Decrypter, identity: string, name: string): void {
  try {
    decrypter.addIdentity(identity);
  } catch {
    // The cause is dropped on purpose: the bech32 decoder's messages repeat the whole secret.
    throw new LifeboatError("keys/invalid", `${name} is not an age identity`, {
      hint: "it must be AGE-SECRET-KEY-1... or AGE-SECRET-KEY-PQ-1... as age-keygen writes it; ssh keys and plugins are not supported",
    });
  }
}
