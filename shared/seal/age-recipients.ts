import { Encrypter } from "age-encryption";
import { LifeboatError } from "../errors.ts";

const NO_MIX = "age does not mix the two in one file, since it would be no safer than its weaker recipient";

/** Where a recipient stands against a quantum computer; one header holds recipients of one kind only. */
export type RecipientKind = "classic" | "post-quantum";

/**
 * The kind of an age recipient: `age1...` (X25519) and `age1tag1...` (P-256) are classic, `age1pq1...` and `age1tagpq1...`
 * post-quantum. `config/invalid` for anything else; a text that may be a secret is not repeated in the message.
 */
export function recipientKind(recipient: string, name = "recipient"): RecipientKind {
  if (/^age-secret-key-/i.test(recipient)) {
    throw new LifeboatError("config/invalid", `${name} is an identity (a secret key), not a recipient`, {
      hint: "put the recipient that age-keygen -y prints for it in its place, and treat the identity as exposed if this file was shared",
    });
  }
  if (recipient.startsWith("ssh-")) {
    throw new LifeboatError("config/invalid", `${name} is an ssh key, which is not supported`, {
      hint: "make an age key with age-keygen and give its public key (age1...)",
    });
  }
  if (!recipient.startsWith("age1")) {
    throw new LifeboatError(
      "config/invalid",
      `${name} is not an age recipient; passphrases cannot stand beside other recipients and are not supported`,
      {
        hint: "a recipient begins with age1; age-keygen makes one",
      },
    );
  }
  try {
    new Encrypter().addRecipient(recipient);
  } catch (error) {
    throw new LifeboatError("config/invalid", `${name} is not a valid age recipient: ${shortened(recipient)}`, {
      hint: "copy the whole of it again: its checksum or its length is wrong, or it needs an age plugin, which is not supported",
      cause: error,
    });
  }
  return /^age1(pq|tagpq)1/.test(recipient) ? "post-quantum" : "classic";
}

/**
 * Checks the recipients of one age header: at least one, each valid, none twice, all of one kind. `config/invalid` says which is
 * wrong and why.
 */
export function checkRecipients(recipients: readonly string[]): void {
  if (recipients.length === 0)
    throw new LifeboatError("config/invalid", "there is no recipient to encrypt to", { hint: "give at least one age recipient" });
  const kinds = checkEach(recipients, "recipient");
  if (new Set(kinds).size > 1) {
    const odd = kinds.findIndex((kind) => kind !== kinds[0]);
    throw new LifeboatError(
      "config/invalid",
      `recipient ${odd + 1} (${shortened(recipients[odd] ?? "")}) is ${kinds[odd]} and recipient 1 is ${kinds[0]}: ${NO_MIX}`,
      { hint: "give recipients of one kind only" },
    );
  }
}

/**
 * Checks the configuration's break-glass recipients, which share the header with the snapshot's own X25519 identity: each
 * valid, none twice, none post-quantum. An empty list passes.
 */
export function checkBreakGlass(recipients: readonly string[]): void {
  const kinds = checkEach(recipients, "break-glass recipient");
  const odd = kinds.indexOf("post-quantum");
  if (odd >= 0) {
    throw new LifeboatError(
      "config/invalid",
      `break-glass recipient ${odd + 1} (${shortened(recipients[odd] ?? "")}) is post-quantum and each snapshot's own identity is X25519: ${NO_MIX}`,
      { hint: "give an X25519 recipient (age1... as age-keygen makes it by default)" },
    );
  }
}

/** Checks who may get a bundle, by name: each valid, none under two names. `config/invalid` says which is wrong and why. */
export function checkEnrolled(recipients: Readonly<Record<string, string>>): void {
  const names = Object.keys(recipients);
  const keys = Object.values(recipients);
  for (const [index, key] of keys.entries()) {
    recipientKind(key, `recipient ${names[index]}`);
    const first = keys.indexOf(key);
    if (first !== index)
      throw new LifeboatError("config/invalid", `recipients ${names[first]} and ${names[index]} have one key: ${shortened(key)}`, {
        hint: "give each recipient a key of its own, so that the custody log tells them apart",
      });
  }
}

function checkEach(recipients: readonly string[], name: string): RecipientKind[] {
  const kinds = recipients.map((recipient, index) => recipientKind(recipient, `${name} ${index + 1}`));
  const twice = recipients.findIndex((recipient, index) => recipients.indexOf(recipient) !== index);
  if (twice >= 0) {
    const first = recipients.indexOf(recipients[twice] ?? "");
    throw new LifeboatError(
      "config/invalid",
      `${name} ${twice + 1} is the same as ${name} ${first + 1}: ${shortened(recipients[twice] ?? "")}`,
      {
        hint: "name each recipient once",
      },
    );
  }
  return kinds;
}

/** Post-quantum recipients run to some 2,000 characters. */
function shortened(recipient: string): string {
  return recipient.length <= 80 ? recipient : `${recipient.slice(0, 40)}...`;
}
