import { z } from "zod";
import { custodyReceiptSchema, digest, head, hexId, instant, signerSchema, tool } from "./parts.ts";

/** The word of a person that a lineage is what it should be. */
export const acceptanceSchema = z.looseObject({
  type: z.literal("acceptance"),
  ...head,
  /** The lineage's. */
  number: z.int().positive(),
  /** SHA-256 of the lineage object's bytes, the envelope as stored. */
  lineageDigest: digest,
  clusterId: hexId,
  acceptedAt: instant,
  /** In the person's words. */
  reason: z.string().min(1).max(1000),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Acceptance = z.infer<typeof acceptanceSchema>;
