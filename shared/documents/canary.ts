import { z } from "zod";
import { base64, digest, FORMAT_VERSION, instant, signerSchema, tool } from "./parts.ts";

/** What a person opens by hand to show that a break-glass identity still does: it is carried as a file, and is in no store. docs/format.md, "The canary". */
export const canarySchema = z.looseObject({
  type: z.literal("canary"),
  formatVersion: z.literal(FORMAT_VERSION),
  madeAt: instant,
  /** Who made it, by their own word. */
  by: z.string().min(1),
  eggs: z
    .array(
      z.looseObject({
        recipient: z.string().startsWith("age1"),
        /** An age file for that recipient alone, with a phrase in it. */
        ciphertext: base64,
        /** SHA-256 of the phrase, which has a hundred random bits: nobody finds it from this. */
        phrase: digest,
      }),
    )
    .min(1),
  tool,
  signer: signerSchema,
});

export type Canary = z.infer<typeof canarySchema>;
