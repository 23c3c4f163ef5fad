import { z } from "zod";
import { knownOrUnknown } from "../unknown-values.ts";
import { custodyReceiptSchema, head, hexId, instant, signerSchema, snapshotId, tool } from "./parts.ts";

export const LINEAGE_REASONS = ["first-backup", "cluster-id-changed", "revision-went-backwards", "key-count-collapsed"] as const;

export const lineageSchema = z.looseObject({
  type: z.literal("lineage"),
  ...head,
  number: z.int().positive(),
  clusterId: hexId,
  openedAt: instant,
  reason: knownOrUnknown(LINEAGE_REASONS),
  /** The revision that was seen when it was opened. */
  revision: z.int().nonnegative(),
  /** Keys alive then, where it was opened for their number. */
  liveKeys: z.int().nonnegative().optional(),
  previous: z
    .looseObject({
      number: z.int().positive(),
      clusterId: hexId,
      snapshot: snapshotId.optional(),
      revision: z.int().nonnegative().optional(),
      /** Keys alive in that snapshot, where they were counted. */
      liveKeys: z.int().nonnegative().optional(),
      /** The snapshot of the last 7 days with most keys, where it is another and the number of keys was the reason. */
      most: z.looseObject({ snapshot: snapshotId, liveKeys: z.int().nonnegative() }).optional(),
    })
    .optional(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Lineage = z.infer<typeof lineageSchema>;
export type LineageReason = (typeof LINEAGE_REASONS)[number];
