import type { Clock, RandomBytes } from "../clock.ts";
import type { Canary } from "../documents/canary.ts";
import { FORMAT_VERSION } from "../documents/parts.ts";
import type { CustodyReceipt } from "../documents/parts.ts";
import { digestOf, openDocument, signDocument } from "../documents/signed-document.ts";
import type { StoredDocument } from "../documents/signed-document.ts";
import { LifeboatError } from "../errors.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { TOOL } from "../version.ts";
import { appendRecord } from "../vault/custody/append.ts";
import type { Actor, CustodyPorts } from "../vault/custody/append.ts";
import { requireTrustedKey } from "../vault/require-trusted-key.ts";
import type { TrustedKeys } from "../documents/signed-document.ts";

export interface MakeCanaryPorts {
  readonly keys: KeyRing;
  readonly trusted: TrustedKeys;
  readonly clock: Clock;
  readonly actor: Actor;
  readonly randomBytes: RandomBytes;
  /** An age file of `text` for one recipient. */
  readonly encrypt: (recipient: string, text: string) => Promise<Uint8Array>;
}

export interface MadeCanary {
  /** Signed; it is asked for when the phrase is confirmed. */
  readonly document: StoredDocument;
  readonly eggs: readonly { readonly recipient: string; readonly file: Uint8Array }[];
}

/** A phrase of its own for each break-glass recipient, encrypted to it alone: whoever says the phrase has opened it. Throws `config/invalid` where there is none. Needs the audit key. */
export async function makeCanary(ports: MakeCanaryPorts, recipients: readonly string[]): Promise<MadeCanary> {
  if (recipients.length === 0)
    throw new LifeboatError("config/invalid", "no break-glass recipient is configured, so there is no identity to rehearse with", {
      hint: "age-keygen -o break-glass.key, add the recipient that it prints to breakGlass, and keep the file offline",
    });
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const eggs: { recipient: string; file: Uint8Array; phrase: string }[] = [];
  for (const recipient of recipients) {
    const phrase = phraseOf(ports.randomBytes(PHRASE_BYTES));
    const text = `${phrase}\n\nThis break-glass identity opens what lifeboat stored. Where lifeboat runs, type:\nlifeboat keys canary confirm ${phrase} --canary FOLDER\n`;
    eggs.push({ recipient, file: await ports.encrypt(recipient, text), phrase: digestOf(Buffer.from(phrase)) });
  }
  const document = await signDocument(ports.keys, "canary", {
    type: "canary",
    formatVersion: FORMAT_VERSION,
    madeAt: ports.clock.now().toISOString(),
    by: await ports.actor(),
    eggs: eggs.map(({ recipient, file, phrase }) => ({ recipient, ciphertext: Buffer.from(file).toString("base64"), phrase })),
    tool: TOOL,
  });
  return { document, eggs: eggs.map(({ recipient, file }) => ({ recipient, file })) };
}

/** A hundred bits and some: five for each letter. */
const PHRASE_BYTES = 20;
/** Crockford's, without letters that are read as others. */
const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";

/** `k7m2-...`: five groups of four. */
function phraseOf(bytes: Uint8Array): string {
  const letters = [...bytes].map((byte) => LETTERS[byte % LETTERS.length] ?? "0").join("");
  return letters.match(/.{4}/g)?.join("-") ?? letters;
}

export interface ConfirmedCanary {
  readonly recipient: string;
  readonly madeAt: string;
  /** By cluster: the record that tells of it. */
  readonly records: readonly { readonly cluster: string; readonly custody: CustodyReceipt }[];
}

/** Records in the custody log of each cluster that a person opened a canary by hand. Throws `verify/...` for a canary that is not believed, `usage` for a phrase that is not in it. Needs the audit key. */
export async function confirmCanary(
  ports: CustodyPorts,
  { bytes, name, phrase }: { readonly bytes: Uint8Array; readonly name: string; readonly phrase: string },
  clusters: readonly string[],
  signal?: AbortSignal,
): Promise<ConfirmedCanary> {
  const canary: Canary = openDocument("canary", bytes, ports.trusted, name);
  const said = digestOf(Buffer.from(phrase.trim().toLowerCase()));
  const egg = canary.eggs.find((each) => each.phrase === said);
  if (egg === undefined)
    throw new LifeboatError("usage", `the phrase is none of those in ${name}`, {
      hint: "open a file of this canary with the break-glass identity: age -d -i IDENTITY FILE.age prints it",
    });
  await requireTrustedKey(ports.keys, ports.trusted, "audit");
  const { recipient } = egg;
  const { madeAt } = canary;
  const rehearsal = { recipient, canary: digestOf(bytes), madeAt };
  const records: { cluster: string; custody: CustodyReceipt }[] = [];
  for (const cluster of clusters)
    records.push({
      cluster,
      custody: await appendRecord(ports, cluster, "audit", { event: "rehearsed", subjects: [], details: { rehearsal } }, { signal }),
    });
  return { recipient, madeAt, records };
}
