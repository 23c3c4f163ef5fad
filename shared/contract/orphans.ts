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
      swept: z.boolean(),
    }),
  ),
  unclear: z.array(object({ key: text, reason: text })).describe("data that is left alone, since it may be needed"),
});
