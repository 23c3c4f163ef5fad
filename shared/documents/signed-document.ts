import { createHash } from "node:crypto";
import { z } from "zod";
import { isLifeboatError, LifeboatError } from "../errors.ts";
import { PURPOSES } from "../keys/key-ring.ts";
import type { KeyRing, PublicKey, Purpose } from "../keys/key-ring.ts";
import { parsePublicKey, verifySignature, verifySignatureAside } from "../keys/public-key.ts";
import { decodeEnvelope, encodeEnvelope, parseJson, preAuthEncoding } from "./envelope.ts";
import { acceptanceSchema } from "./acceptance.ts";
import { canarySchema } from "./canary.ts";
import { catalogSchema } from "./catalog.ts";
import { custodySchema } from "./custody-record.ts";
import { drillSchema } from "./drill.ts";
import { intakeSchema } from "./intake.ts";
import { fleetSchema } from "./fleet.ts";
import { knownOrUnknown } from "../unknown-values.ts";
import { lineageSchema } from "./lineage.ts";
import { manifestSchema } from "./manifest.ts";
import { nodeFilesSchema } from "./node-files.ts";
import { custodyReceiptSchema, signerSchema } from "./parts.ts";
import { pinSchema } from "./pin.ts";
import { placeholderSchema } from "./placeholder.ts";
import { repositorySchema } from "./repository.ts";
import { rewrapSchema } from "./rewrap.ts";
import { storeSchema } from "./store-marker.ts";
import { verdictSchema } from "./verdict.ts";
import { verificationSchema } from "./verification.ts";
import type { CustodyReceipt } from "./parts.ts";
import { documentPace } from "../zod-pace.ts";

/** Fingerprints of the keys that are believed, by purpose. */
export interface TrustedKeys extends Readonly<Record<Purpose, readonly string[]>> {
  /** By fingerprint, of those that sign no more: until when they are believed (ISO 8601), with the custody log as the witness (shared/vault/custody/witness.ts). */
  readonly ends?: Readonly<Record<string, string>>;
}

/** The kinds of signed document: the purposes whose keys may sign each, and its schema. */
const KINDS = {
  snapshot: { purposes: ["snapshot"], schema: manifestSchema },
  verification: { purposes: ["audit"], schema: verificationSchema },
  lineage: { purposes: ["snapshot"], schema: lineageSchema },
  acceptance: { purposes: ["audit"], schema: acceptanceSchema },
  rewrap: { purposes: ["audit"], schema: rewrapSchema },
  pin: { purposes: ["audit"], schema: pinSchema },
  drill: { purposes: ["audit"], schema: drillSchema },
  catalog: { purposes: ["audit"], schema: catalogSchema },
  verdict: { purposes: ["audit"], schema: verdictSchema },
  intake: { purposes: ["audit"], schema: intakeSchema },
  "node-files": { purposes: ["audit"], schema: nodeFilesSchema },
  /** Carried as a file: it is in no store. */
  canary: { purposes: ["audit"], schema: canarySchema },
  /** By whoever puts the first thing there: into a replica that is the role that verifies. */
  store: { purposes: ["snapshot", "audit"], schema: storeSchema },
  /** By whoever sets the store up; again by whoever wraps its password under other keys. */
  repository: { purposes: ["snapshot", "audit"], schema: repositorySchema },
  /** By whoever decides what is backed up, and how: the key of a person. What runs by itself signs by the other two. */
  fleet: { purposes: ["bundle"], schema: fleetSchema },
  /** By whoever copies. */
  placeholder: { purposes: ["snapshot", "audit"], schema: placeholderSchema },
  /** By whoever acts; who may tell of what is in shared/vault/custody/events.ts. */
  custody: { purposes: PURPOSES, schema: custodySchema },
} as const satisfies Record<string, { purposes: readonly [Purpose, ...Purpose[]]; schema: z.ZodType }>;

export type Kind = keyof typeof KINDS;
/** The kinds that keys of one purpose alone sign. */
export type KindOfOneSigner = { [K in Kind]: (typeof KINDS)[K]["purposes"] extends readonly [Purpose] ? K : never }[Kind];
/** The kinds that a record of the custody log announces, and that name it. */
export type AnnouncedKind =
  | "snapshot"
  | "verification"
  | "rewrap"
  | "lineage"
  | "acceptance"
  | "pin"
  | "drill"
  | "catalog"
  | "verdict"
  | "intake"
  | "node-files";
export type DocumentOf<K extends Kind> = z.infer<(typeof KINDS)[K]["schema"]>;

/** A document before it is signed. (Omit would forget every field of a loose object's type: its keys are any text.) */
export type Unsigned<K extends Kind> = {
  [
    Field in keyof DocumentOf<K> as string extends Field ? never : number extends Field ? never : Field extends "signer" ? never : Field
  ]: DocumentOf<K>[Field];
};

/** A document as it stands in the store. */
export interface StoredDocument {
  readonly bytes: Uint8Array;
  readonly digest: string;
}

/** 1 MiB: far above any document (a manifest is some 3 KiB), and small enough to read whole. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;

/** `sha256:` and the hex digest: how digests are written everywhere. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function payloadTypeOf(kind: Kind): string {
  return `application/vnd.etcd-lifeboat.${kind}.v1+json`;
}

const laterSigner = z.looseObject({ ...signerSchema.shape, purpose: knownOrUnknown(PURPOSES) });

/** A document of a kind that this version does not know, as far as a reader of today can check it: docs/format.md, "Later kinds". */
const laterSchema = z.looseObject({
  type: z.string(),
  formatVersion: z.int().positive(),
  cluster: z.string(),
  /** What its name begins with: a snapshot's id, or a number. */
  id: z.string().optional(),
  number: z.int().positive().optional(),
  custody: custodyReceiptSchema.optional(),
  signer: laterSigner,
});

const laterSignerSchema = z.looseObject({ signer: laterSigner });

export interface LaterDocument {
  /** The record that announced it; undefined also where nobody is trusted to say so. */
  readonly custody: CustodyReceipt | undefined;
}

/**
 * What `bytes` at `key` say, where they are a document that only later versions know, which they put beside those that this one does. It is for this very place, and either of a kind that is not known and signed by a
 * trusted key, or signed for a purpose that is not known. No key is trusted for such a purpose: that document is passed over, and settles nothing. Undefined for anything else, which is then opened as what it should be,
 * and refused as such.
 */
export function openLaterKind(bytes: Uint8Array, trusted: TrustedKeys, key: string): LaterDocument | undefined {
  try {
    const envelope = decodeEnvelope(bytes, key);
    const kind = /^application\/vnd\.etcd-lifeboat\.([a-z-]+)\.v\d+\+json$/.exec(envelope.payloadType)?.[1];
    if (kind === undefined) return undefined;
    const { success, data } = laterSchema.safeParse(parseJson(envelope.payload, key));
    if (!success || data.type !== kind || !isPlaceOf(data, key)) return undefined;
    const signedBy = parsePublicKey(Buffer.from(data.signer.publicKey, "base64"), key);
    const isSigned = verifySignature(signedBy, preAuthEncoding(envelope.payloadType, envelope.payload), envelope.signature);
    const { purpose, fingerprint } = data.signer;
    if (!isSigned || signedBy.fingerprint !== fingerprint) return undefined;
    if (!isPurpose(purpose)) return { custody: undefined };
    if (Object.hasOwn(KINDS, kind)) return undefined;
    // Whether the log announced it cannot be told of a kind that is not known.
    const isOfToday = trusted.ends?.[fingerprint] === undefined;
    return trusted[purpose].includes(fingerprint) && isOfToday ? { custody: data.custody } : undefined;
  } catch (error) {
    if (isLifeboatError(error)) return undefined;
    throw error;
  }
}

function isPurpose(word: string): word is Purpose {
  return PURPOSES.some((each) => each === word);
}

/** The fingerprint of whoever signed a document for a purpose that is not known; undefined for any other document. Nothing in it is believed. */
export function signerOfLaterPurpose(bytes: Uint8Array, name: string): string | undefined {
  try {
    const envelope = decodeEnvelope(bytes, name);
    const { data } = laterSignerSchema.safeParse(parseJson(envelope.payload, name));
    if (data === undefined || isPurpose(data.signer.purpose)) return undefined;
    const key = parsePublicKey(Buffer.from(data.signer.publicKey, "base64"), name);
    return verifySignature(key, preAuthEncoding(envelope.payloadType, envelope.payload), envelope.signature) ? key.fingerprint : undefined;
  } catch (error) {
    if (isLifeboatError(error)) return undefined;
    throw error;
  }
}

function isPlaceOf({ cluster, id, number }: z.infer<typeof laterSchema>, key: string): boolean {
  const name = key.slice(key.lastIndexOf("/") + 1);
  const begins = [...(id === undefined ? [] : [`${id}-`, `${id}.`]), ...(number === undefined ? [] : [`${number}-`, `${number}.`])];
  return key.startsWith(`clusters/${cluster}/`) && begins.some((each) => name.startsWith(each));
}

/** Made once: a schema costs more to make than to use. */
const newerSchema = z.looseObject({ formatVersion: z.int().min(2) });

/** Signs `document` with the key of its kind's purpose: see `signAs`. */
export function signDocument<K extends KindOfOneSigner>(keys: KeyRing, kind: K, document: Unsigned<K>): Promise<StoredDocument> {
  return signAs(keys, KINDS[kind].purposes[0], kind, document);
}

/**
 * Signs `document` with the key of `purpose`, which must be one that may sign its kind. The `signer` field is added here; `type` and `formatVersion` must be
 * the first fields, so that no document can stand in for another.
 */
export async function signAs<K extends Kind>(
  keys: KeyRing,
  purpose: (typeof KINDS)[K]["purposes"][number],
  kind: K,
  document: Unsigned<K>,
): Promise<StoredDocument> {
  const { schema } = KINDS[kind];
  const publicKey = await keys.publicKey(purpose);
  const signer = { purpose, fingerprint: publicKey.fingerprint, publicKey: Buffer.from(publicKey.spki).toString("base64") };
  const payload = Buffer.from(JSON.stringify(schema.parse({ ...document, signer }, documentPace())));
  const payloadType = payloadTypeOf(kind);
  const signed = await keys.sign(purpose, preAuthEncoding(payloadType, payload));
  if (signed.publicKey.fingerprint !== publicKey.fingerprint) {
    throw new LifeboatError("keys/failed", `the ${purpose} key in ${keys.location} was changed while it signed`, {
      hint: "run the command again",
    });
  }
  const bytes = encodeEnvelope({ payloadType, payload, keyId: publicKey.fingerprint, signature: signed.signature });
  return { bytes, digest: digestOf(bytes) };
}

/**
 * Checks and parses a stored document of `kind`. `name` is for messages. Throws `verify/format`, `verify/signature` (bytes
 * are not what was signed) or `verify/untrusted` (signed by a key that the configuration does not trust for the purpose).
 */
export function openDocument<K extends Kind>(kind: K, bytes: Uint8Array, trusted: TrustedKeys, name: string): DocumentOf<K> {
  const claim = parseDocument(kind, bytes, name);
  return believe(claim, verifySignature(claim.key, claim.signed, claim.signature), trusted);
}

/** The same, with the signature checked on another thread: for whoever reads many. */
export async function openDocumentAside<K extends Kind>(
  kind: K,
  bytes: Uint8Array,
  trusted: TrustedKeys,
  name: string,
): Promise<DocumentOf<K>> {
  const claim = parseDocument(kind, bytes, name);
  return believe(claim, await verifySignatureAside(claim.key, claim.signed, claim.signature), trusted);
}

/** A document whose signature and signer are still to be checked. */
interface Claim<K extends Kind> {
  readonly kind: K;
  readonly name: string;
  readonly document: DocumentOf<K>;
  readonly key: PublicKey;
  /** What the envelope calls that key: a hint. */
  readonly keyId: string;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function parseDocument<K extends Kind>(kind: K, bytes: Uint8Array, name: string): Claim<K> {
  const envelope = decodeEnvelope(bytes, name);
  if (envelope.payloadType !== payloadTypeOf(kind)) {
    throw new LifeboatError("verify/format", `${name} is of type ${JSON.stringify(envelope.payloadType)}, not ${payloadTypeOf(kind)}`);
  }
  const json = parseJson(envelope.payload, name);
  const parsed = KINDS[kind].schema.safeParse(json, documentPace());
  if (!parsed.success) {
    refuseLater(json, bytes, name);
    throw new LifeboatError("verify/format", `${name} is not a valid ${kind} document: ${z.prettifyError(parsed.error)}`);
  }
  // The schema in KINDS belongs to K; TypeScript cannot follow the lookup through a generic index.
  const document = parsed.data as DocumentOf<K>;
  const key = parsePublicKey(Buffer.from(document.signer.publicKey, "base64"), `the signer of ${name}`);
  const signed = preAuthEncoding(envelope.payloadType, envelope.payload);
  return { kind, name, document, key, keyId: envelope.keyId, signed, signature: envelope.signature };
}

/** Throws for a document that only a newer lifeboat reads, so that nobody takes it for a damaged one. */
function refuseLater(json: unknown, bytes: Uint8Array, name: string): void {
  const newer = newerSchema.safeParse(json);
  if (newer.success) {
    throw new LifeboatError("verify/format", `${name} has format version ${newer.data.formatVersion}; this lifeboat reads version 1`, {
      hint: "use a newer lifeboat",
    });
  }
  const later = laterSignerSchema.safeParse(json).data?.signer.purpose;
  if (later === undefined || isPurpose(later)) return;
  if (signerOfLaterPurpose(bytes, name) === undefined) throw wronglySigned(name);
  throw new LifeboatError("verify/untrusted", `${name} is signed for the purpose ${later}, which this version of lifeboat does not know`, {
    hint: "see with the version that wrote it, or a newer one; no key is trusted here for a purpose that is not known",
  });
}

function believe<K extends Kind>({ kind, name, document, key, keyId }: Claim<K>, isSigned: boolean, trusted: TrustedKeys): DocumentOf<K> {
  if (!isSigned) throw wronglySigned(name);
  const purposes: readonly [Purpose, ...Purpose[]] = KINDS[kind].purposes;
  const { signer } = document;
  // The purpose that it names is signed. Where that one may not sign the kind, the kind's own is what the key is held against.
  const purpose = purposes.find((each) => each === signer.purpose) ?? purposes[0];
  if (!trusted[purpose].includes(key.fingerprint)) {
    throw new LifeboatError("verify/untrusted", `${name} is signed by ${key.fingerprint}, which is not trusted for purpose ${purpose}`, {
      hint: `if that key is yours, add its fingerprint to trustedKeys.${purpose} in the configuration`,
    });
  }
  // One key, however a reader looks it up.
  if (signer.purpose !== purpose || signer.fingerprint !== key.fingerprint || keyId !== key.fingerprint) {
    throw new LifeboatError(
      "verify/format",
      `${name} names another key or purpose than those of its signature, ${key.fingerprint} for ${purpose}`,
    );
  }
  return document;
}

function wronglySigned(name: string): LifeboatError {
  return new LifeboatError("verify/signature", `the signature of ${name} is wrong: its content is not what was signed`, {
    hint: "do not restore from it; use an older snapshot and find out who changed the store",
  });
}
