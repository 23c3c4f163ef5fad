import { z } from "zod";
import { bytes, digest, head, instant, signerSchema, tool } from "./parts.ts";

/** In the copy of a log, for an object that stands in the place of a record and is larger than any: it is not copied. */
export const placeholderSchema = z.looseObject({
  type: z.literal("placeholder"),
  ...head,
  sequence: z.int().positive(),
  /** Of the object, and the SHA-256 of its first 1 MiB. */
  bytes,
  beginning: digest,
  seenAt: instant,
  tool,
  signer: signerSchema,
});

export type Placeholder = z.infer<typeof placeholderSchema>;
