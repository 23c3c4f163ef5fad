import { z } from "zod";
import { FORMAT_VERSION, instant, signerSchema, tool } from "./parts.ts";

/** Marks a place as a store, so that an empty folder where a disk should be is not taken for one. */
export const storeSchema = z.looseObject({
  type: z.literal("store"),
  formatVersion: z.literal(FORMAT_VERSION),
  /** Random: no other store has it. */
  store: z.string().regex(/^[0-9a-f]{32}$/, "expected a store's id: 32 hex digits"),
  createdAt: instant,
  tool,
  signer: signerSchema,
});
