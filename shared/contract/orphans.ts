import { z } from "zod";
import { bytes, object, text, time } from "./parts.ts";

export const orphansDocument = object({
  orphans: z.array(
    object({
      kind: z.enum(["data", "unfinished"]),
      key: text.nullable().describe("of kind `data`"),
      cluster: text.nullable().describe("of kind `data`"),
      id: text.nullable().describe("of kind `unfinished`"),
      bytes,
      modified: time,
      reason: text.describe("why nothing needs it"),
      swept: z.boolean().describe("removed, with every version"),
      versions: z.int().nullable().describe("of kind `data`: how many stand under the key, delete markers among them"),
      locked: z.boolean().describe("a lock of the store keeps it, as far as this role may know"),
      lockedUntil: time.nullable().describe("when its lock ends, where that is known"),
      legalHold: z.boolean().describe("a person put it on hold, which has no end"),
    }),
  ),
  unclear: z.array(object({ key: text, reason: text })).describe("data that is left alone, since it may be needed"),
});
