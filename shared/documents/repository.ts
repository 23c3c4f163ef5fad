import { z } from "zod";
import { base64, FORMAT_VERSION, instant, MAX_WRAPPINGS, signerSchema, tool, wrappingSchema } from "./parts.ts";

/** What stands for the cluster in the context that the wrapping of a repository's password is bound to: the password is of none. A key policy that names clusters names this one too. */
export const REPOSITORY_CONTEXT = "kopia-repository";

/** The password of a store's Kopia repository: docs/format.md, "The repository's password". */
export const repositorySchema = z.looseObject({
  type: z.literal("repository"),
  formatVersion: z.literal(FORMAT_VERSION),
  /** Counts from 1, as in its key. The highest that is believed is the one in use. */
  number: z.int().positive(),
  /** Drawn once, by `lifeboat kopia init`: what the wrappings are bound to. */
  store: z.string().regex(/^[0-9a-f]{32}$/, "expected a store's id: 32 hex digits"),
  createdAt: instant,
  /** Of the identity that the wrappings hold. */
  recipient: z.string().startsWith("age1"),
  /** The password, as an age file for `recipient` and each of `breakGlass`. */
  password: base64,
  wrappings: z.array(wrappingSchema).min(1).max(MAX_WRAPPINGS),
  breakGlass: z.array(z.string().startsWith("age1")),
  tool,
  signer: signerSchema,
});

/** What of the document holds the password. */
export type WrappedPassword = Pick<z.infer<typeof repositorySchema>, "store" | "recipient" | "password" | "wrappings" | "breakGlass">;
