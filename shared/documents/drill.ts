import { z } from "zod";
import { knownOrUnknown } from "../unknown-values.ts";
import { compactRevision, crc32c, revision } from "./content-schema.ts";
import { bytes, custodyReceiptSchema, digest, head, instant, signerSchema, snapshotId, tool } from "./parts.ts";

export const DRILL_OUTCOMES = ["passed", "failed"] as const;

/** Evidence that a snapshot was restored, and served; or that it could not be. */
export const drillSchema = z.looseObject({
  type: z.literal("drill"),
  ...head,
  id: snapshotId,
  /** SHA-256 of the manifest object's bytes. */
  manifestDigest: digest,
  /** When it began. */
  drilledAt: instant,
  /** Any other says nothing here. */
  outcome: knownOrUnknown(DRILL_OUTCOMES),
  /** Where it failed, and why: an error's code, and its message. Absent where it passed. */
  failure: z.looseObject({ step: z.string().min(1), code: z.string().min(1), message: z.string() }).optional(),
  /** What was done, in order, and how long each step took: the last one of a drill that failed is the one that failed. */
  steps: z.array(z.looseObject({ name: z.string().min(1), ms: z.number().nonnegative() })).min(1),
  /** Of the server that ran on what was restored. What follows is absent where the drill did not come so far. */
  etcdVersion: z.string().min(1).optional(),
  /** What that server answered, before the revision was bumped. */
  hashKv: z.looseObject({ revision, compactRevision, hash: crc32c }).optional(),
  /** What could not be held against the manifest, a sentence each. Absent where all was. */
  notCompared: z.array(z.string()).min(1).optional(),
  /** How many keys it had. */
  keys: z.int().nonnegative().optional(),
  /** Values that were read as objects of Kubernetes, and how many of them could be. Absent where there were none. */
  sample: z.looseObject({ values: z.int().nonnegative(), objects: z.int().nonnegative() }).optional(),
  /** Of the restore as a node does it, which had the same keys and values: the revision that it began at. */
  bumped: z.looseObject({ revision }).optional(),
  /** What was fetched: the sealed payload. */
  payloadBytes: bytes.optional(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Drill = z.infer<typeof drillSchema>;

/** Of the steps that a restore on a node has too: the others compare, and clean up. */
export function restoringMs(steps: readonly { readonly name: string; readonly ms: number }[]): number {
  return steps.reduce((sum, { name, ms }) => (/^(?:bundle|unpack|check|apply(?:: .*)?)$/.test(name) ? sum + ms : sum), 0);
}
