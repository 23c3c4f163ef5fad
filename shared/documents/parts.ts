import { z } from "zod";
import { knownOrUnknown } from "../unknown-values.ts";

/**
 * What the signed documents of format version 1 have in common, as docs/format.md specifies it. Objects are loose: a reader keeps and
 * ignores fields that it does not know, so later minor additions do not break it; a changed meaning takes a new formatVersion.
 */

export const FORMAT_VERSION = 1;

export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "expected sha256: and 64 hex digits");
export const hexId = z.string().regex(/^[0-9a-f]{1,16}$/, "expected an id in hex");
export const base64 = z.base64();
export const bytes = z.int().nonnegative();
export const instant = z.iso.datetime();
const clusterName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "expected a cluster name");

/** `<scheduled time>`, with `-2`, `-3` where the second was taken: see slot.ts. */
export const snapshotId = z.string().regex(/^\d{8}T\d{6}Z(-[1-9]\d{0,3})?$/, "expected an id such as 20261121T100000Z");

export const tool = z.looseObject({ name: z.string(), version: z.string() });

export const signerSchema = z.looseObject({
  purpose: z.enum(["snapshot", "audit", "bundle"]),
  fingerprint: digest,
  /** SubjectPublicKeyInfo, DER in base64. For finding the key and for openssl; trust never comes from here. */
  publicKey: base64,
});

/** The record of the custody log that announced the document; a document without one is not accounted for. */
export const custodyReceiptSchema = z.looseObject({ sequence: z.int().positive(), digest });

/** Of one document. The store's own key and those of replicas make a few; each one that is listed may cost a call to a key service. */
export const MAX_WRAPPINGS = 16;
export const WRAPPING_KINDS = ["local", "kms"] as const;
/** One of a kind that is not known opens nothing here, and leaves the others. */
export const wrappingSchema = z.looseObject({ kind: knownOrUnknown(WRAPPING_KINDS), key: z.string().min(1), ciphertext: base64 });

/** An identity for break-glass recipients: an age file of it, in base64. */
export const breakGlassCopy = z.looseObject({ recipients: z.array(z.string().startsWith("age1")).min(1), ciphertext: base64 });

/** What every document that belongs to a cluster begins with. */
export const head = { formatVersion: z.literal(FORMAT_VERSION), cluster: clusterName };

/** A wrapping as it stands in a document: `ciphertext` in base64. */
export type WrappingRecord = z.infer<typeof wrappingSchema>;
/** Names a record of the log: by its place and by its bytes. */
export type CustodyReceipt = Pick<z.infer<typeof custodyReceiptSchema>, "sequence" | "digest">;
