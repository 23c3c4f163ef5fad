import { z } from "zod";
import { compactRevision, crc32c, revision } from "./content-schema.ts";
import { custodyReceiptSchema, digest, head, instant, signerSchema, snapshotId, tool } from "./parts.ts";

/** Evidence that a snapshot was restored, and served. */
export const drillSchema = z.looseObject({
  type: z.literal("drill"),
  ...head,
  id: snapshotId,
  /** SHA-256 of the manifest object's bytes. */
  manifestDigest: digest,
  drilledAt: instant,
  /** Of the server that ran on what was restored. */
  etcdVersion: z.string().min(1),
  /** What was done, in order, and how long each step took. */
  steps: z.array(z.looseObject({ name: z.string().min(1), ms: z.number().nonnegative() })).min(1),
  /** What that server answered. */
  hashKv: z.looseObject({ revision, compactRevision, hash: crc32c }),
  /** How many keys it had. */
  keys: z.int().nonnegative(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Drill = z.infer<typeof drillSchema>;
