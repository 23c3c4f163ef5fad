import { z } from "zod";
import { custodyReceiptSchema, digest, head, instant, signerSchema, snapshotId, tool } from "./parts.ts";

/** Keeps a snapshot from removal, or ends that: of those of one snapshot that are believed the highest number counts. */
export const pinSchema = z.looseObject({
  type: z.literal("pin"),
  ...head,
  id: snapshotId,
  /** In its key, from 1. */
  number: z.int().positive(),
  /** SHA-256 of the manifest object's bytes. */
  manifestDigest: digest,
  pinned: z.boolean(),
  /** Who said so, by their own word: as `actor` of a custody record. */
  by: z.string().min(1),
  at: instant,
  /** In the person's words. */
  reason: z.string().min(1).max(1000),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Pin = z.infer<typeof pinSchema>;
