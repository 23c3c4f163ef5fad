import { z } from "zod";
import { custodyReceiptSchema, digest, head, instant, MAX_WRAPPINGS, signerSchema, snapshotId, tool, wrappingSchema } from "./parts.ts";

/** A further wrapping of a snapshot's identity, added after its backup. */
export const rewrapSchema = z.looseObject({
  type: z.literal("rewrap"),
  ...head,
  id: snapshotId,
  /** SHA-256 of the manifest object's bytes. */
  manifestDigest: digest,
  rewrappedAt: instant,
  /** They count as if they stood in the manifest. */
  wrappings: z.array(wrappingSchema).min(1).max(MAX_WRAPPINGS),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Rewrap = z.infer<typeof rewrapSchema>;
