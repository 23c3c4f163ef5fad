import { z } from "zod";
import { CONFIRMED } from "./confirmation.ts";
import { knownOrUnknown } from "../unknown-values.ts";
import { bytes, custodyReceiptSchema, digest, head, instant, signerSchema, snapshotId, tool } from "./parts.ts";
import { proofWordsSchema } from "./proof.ts";

/** An object as the store listed it: by this a reader sees that another stands there since. */
const listed = { bytes, modified: instant };

/** The place of the key in `signers`. */
const by = z.int().nonnegative();

const countersigned = z.looseObject({
  /** The second part of its name. */
  time: snapshotId,
  digest,
  ...listed,
  verifiedAt: instant,
  confirmed: knownOrUnknown(CONFIRMED).optional(),
  by,
});

/** What is said of one snapshot: of its manifest, and of every countersignature that stands beside it. */
const rowSchema = z.looseObject({
  id: snapshotId,
  /** Of the manifest object. */
  digest,
  ...listed,
  by,
  startedAt: instant,
  createdAt: instant,
  lineage: z.int().positive(),
  revision: z.int().nonnegative(),
  /** Keys alive, where they were counted. */
  liveKeys: z.int().nonnegative().optional(),
  /** All that etcd sent, its trailer included. */
  snapshotBytes: bytes,
  storedBytes: bytes,
  proof: proofWordsSchema,
  quarantine: z.looseObject({ reasons: z.array(z.string()).min(1) }).optional(),
  verified: z.array(countersigned).min(1),
  /** Until when a lock kept the data, when this was written: a lock is never shortened. */
  lockedUntil: instant.optional(),
});

/** A record of the custody log that is believed, as far as an audit goes by it. */
export const loggedSchema = z.looseObject({
  sequence: z.int().positive(),
  /** The digest that it names as that of the record before; absent where that is the one before it in this list, or it is the first of all. */
  previous: digest.optional(),
  digest,
  ...listed,
  by,
  time: instant,
  event: z.string().min(1),
  /** Of each snapshot that it is about, once. */
  ids: z.array(snapshotId).optional(),
  /** Its `reason`, or else its `code`. */
  reason: z.string().optional(),
});

/** So many records at most: eight days of hourly backups are some 400, and each has some 250 bytes. */
export const MOST_LOGGED = 700;

/** So many rows at most: of some 600 bytes each, in base64, they stay below the largest document. */
export const MOST_ROWS = 1000;

/** So many segments may be needed beside the newest: with full ones half a million snapshots of one cluster. */
export const MOST_OTHERS = 500;

/** A segment of the catalog: what a reader needs not read one by one. */
export const catalogSchema = z.looseObject({
  type: z.literal("catalog"),
  ...head,
  /** Its name: when it was made, or a second after the one before. */
  id: snapshotId,
  madeAt: instant,
  /** The end of the custody log before the first of `rows` was read; absent where there was no log. */
  custodyHead: custodyReceiptSchema.optional(),
  /** Whose documents the rows are of, and, of a key that signs no more, the `notAfter` that they were held against. */
  signers: z.array(z.looseObject({ purpose: z.enum(["snapshot", "audit"]), fingerprint: digest, notAfter: instant.optional() })),
  /** The segments that are still needed beside this one. */
  others: z.array(z.looseObject({ id: snapshotId, digest })).max(MOST_OTHERS),
  /** Oldest first. */
  rows: z.array(rowSchema).max(MOST_ROWS),
  /** Entries by `loggedSchema`, in order: parsed by whoever needs them, which a listing does not. Absent in segments by versions that wrote none. */
  log: z.array(z.unknown()).max(MOST_LOGGED).optional(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Segment = z.infer<typeof catalogSchema>;
export type SegmentRow = z.infer<typeof rowSchema>;
export type LoggedRecord = z.infer<typeof loggedSchema>;
