import { z } from "zod";
import { knownOrUnknown } from "../unknown-values.ts";
import { custodyReceiptSchema, digest, head, instant, signerSchema, snapshotId, tool } from "./parts.ts";

export const VERDICTS = ["ready", "ready with loss", "not ready"] as const;
export const ANSWERS = ["yes", "no", "unknown"] as const;

/** Whether a cluster could have been brought back at a time, by the word of whoever verifies. */
export const verdictSchema = z.looseObject({
  type: z.literal("verdict"),
  ...head,
  /** Its name: when it was judged, with an ordinal where that second is taken. */
  id: snapshotId,
  judgedAt: instant,
  verdict: z.string().min(1),
  /** The newest good snapshot; absent where there was none. */
  snapshot: z.looseObject({ id: snapshotId, manifestDigest: digest }).optional(),
  /** What would have been lost; absent where no snapshot was good. */
  loss: z.looseObject({ ms: z.number().nonnegative(), writes: z.int().nonnegative().optional(), basis: z.string().optional() }).optional(),
  /** How long the last drill took; absent where none went well. */
  rtoMs: z.number().nonnegative().optional(),
  lines: z.array(
    z.looseObject({
      name: z.string().min(1),
      question: z.string().min(1),
      answer: knownOrUnknown(ANSWERS),
      evidence: z.array(z.string()),
      fix: z.string(),
    }),
  ),
  /** What the configuration did not ask for. */
  notAsked: z.array(z.string()),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});
