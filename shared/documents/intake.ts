import { z } from "zod";
import type { WrapContext } from "../keys/key-ring.ts";
import { breakGlassCopy, custodyReceiptSchema, head, instant, MAX_WRAPPINGS, signerSchema, tool, wrappingSchema } from "./parts.ts";

/** To whom the nodes of a cluster encrypt their files: docs/format.md, "The intake identity". */
export const intakeSchema = z.looseObject({
  type: z.literal("intake"),
  ...head,
  /** Counts from 1, as in its key. The highest that is believed is the one in use; the others go on opening what was encrypted to them. */
  number: z.int().positive(),
  createdAt: instant,
  /** Of the identity that the wrappings hold: X25519, as nodes' age programs of every version take it. */
  recipient: z.string().startsWith("age1"),
  wrappings: z.array(wrappingSchema).min(1).max(MAX_WRAPPINGS),
  /** The identity for the break-glass recipients of the configuration at the time; absent where there were none. */
  breakGlass: breakGlassCopy.optional(),
  tool,
  custody: custodyReceiptSchema.optional(),
  signer: signerSchema,
});

export type Intake = z.infer<typeof intakeSchema>;
/** What of the document holds the identity. */
export type WrappedIntake = Pick<Intake, "recipient" | "wrappings" | "breakGlass">;

/**
 * What the wrappings are bound to. No cluster's name has a slash: a key policy that lets a role unwrap what is of a cluster does not let it unwrap this, nor the other way round.
 */
export function intakeContext(cluster: string, number: number): WrapContext {
  return { cluster: `${INTAKE_CONTEXT}${cluster}`, snapshot: String(number) };
}

/** What the cluster's name stands behind in that context. */
const INTAKE_CONTEXT = "intake/";
