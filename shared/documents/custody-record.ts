import { z } from "zod";
import { bytes, digest, head, instant, signerSchema, tool } from "./parts.ts";

/** What a custody record may tell of. Readers take any other word as well: later versions have further events. */
export const CUSTODY_EVENTS = [
  "backup",
  "skipped",
  "failed",
  "verified",
  "removed",
  "lineage-opened",
  "lineage-accepted",
  "rewrapped",
  "copied",
  "pinned",
  "bundle",
  "drill",
  "catalogued",
  "rehearsed",
  "judged",
  "intake",
  "node-files",
  "configuration-changed",
] as const;

/** An order to remove what its records name: docs/format.md, "Orders". */
const orderSchema = z.looseObject({
  /** Digest of all that it names: what two runs order alike has one id. */
  id: digest,
  /** Counts from 1; the parts of an order stand in the log in that order, others' records maybe between them. */
  part: z.int().positive(),
  parts: z.int().positive(),
  /** The brakes that a person took off, by name. */
  although: z.array(z.string().min(1)).optional(),
});

/** Restore bundles that were made: for whom, and what they got. */
const bundleSchema = z.looseObject({
  /** In the form of an id: the folder under `bundles/<cluster>/<id>/` where they are published. */
  time: z.string().min(1),
  published: z.boolean(),
  expiresAt: instant,
  /** Digest of the plan. */
  plan: digest,
  /** Made by the desk: who asked, as the caller said it. Nothing proves it; the record's actor is the desk. */
  requestedBy: z.string().min(1).optional(),
  recipients: z.array(
    z.looseObject({
      name: z.string().min(1),
      /** `age1...` */
      key: z.string().min(1),
      /** Whether the configuration lists it. */
      enrolled: z.boolean(),
      /** Digest of the control tar. */
      tar: digest,
      /** Which set of the node's own files it got: its time. */
      nodeFiles: z.string().min(1).optional(),
    }),
  ),
});

export const custodySchema = z
  .looseObject({
    type: z.literal("custody"),
    ...head,
    sequence: z.int().positive(),
    /** SHA-256 of the object of the record before; absent in the first. */
    previous: digest.optional(),
    /** Where that object is larger than any document: its size. `previous` is then of its first 1 MiB. */
    previousBytes: bytes.optional(),
    time: instant,
    /** Who ran it: `user@host`, or an ARN. */
    actor: z.string().min(1),
    event: z.string().regex(/^[a-z][a-z-]{0,39}$/, "expected an event"),
    subjects: z.array(
      z.looseObject({
        /** Of an object in the store. */
        key: z.string().min(1),
        /** Of the object as it was there. That of an object which the record announces is not known yet. */
        digest: digest.optional(),
        /** Its version, where the store has versions, and its size: of what is removed. */
        version: z.string().min(1).optional(),
        bytes: bytes.optional(),
        /** Why it is to be removed, where that is of each subject: in an order. */
        reason: z.string().min(1).max(300).optional(),
      }),
    ),
    /** Digests of the sections of the configuration that matter (config/policy-digests.ts), as far as this run or one before it knew them. */
    configuration: z.record(z.string(), digest).optional(),
    details: z.looseObject({
      /** For people. */
      reason: z.string().optional(),
      /** Of the error. */
      code: z.string().optional(),
      /** The record whose announcement came to nothing, which this one explains; or whose removal, and then of the subjects of this one. */
      of: z.int().positive().optional(),
      /** The newest good snapshot that the run found: its manifest. So each backup says that the one before was there. */
      seen: z.looseObject({ key: z.string().min(1), digest }).optional(),
      /** Of `pinned`: whether it pins, or ends a pin. */
      pinned: z.boolean().optional(),
      /** The replica that a snapshot was copied to: what the configuration calls it, and where it was. */
      to: z.looseObject({ name: z.string().min(1), location: z.string().min(1) }).optional(),
      /** Of `removed`: the record is an order to the keeper, or a part of one. */
      order: orderSchema.optional(),
      /** Of `rehearsed`: whose break-glass identity opened which canary, and when that was made. */
      rehearsal: z.looseObject({ recipient: z.string().min(1), canary: digest, madeAt: instant }).optional(),
      /** Of `intake`: to whom nodes encrypt from now on. Else whoever gets hold of a key that signs no more, and can overwrite, could name another. */
      intake: z.looseObject({ number: z.int().positive(), recipient: z.string().min(1) }).optional(),
      /** Of `bundle`. */
      bundle: bundleSchema.optional(),
    }),
    tool,
    signer: signerSchema,
  })
  .refine(({ sequence, previous }) => (sequence === 1) === (previous === undefined), "expected previous in every record but the first");

export type CustodyRecord = z.infer<typeof custodySchema>;
export type CustodyEvent = (typeof CUSTODY_EVENTS)[number];
