import { z } from "zod";
import { bytes, object, text, time } from "./parts.ts";

export const orphansDocument = object({
  orphans: z
    .array(
      object({
        kind: z
          .enum(["data", "unfinished"])
          .describe(
            "data that no manifest names, or an index that no countersignature names; or an upload or file that was never finished",
          ),
        key: text.nullable().describe("of kind `data`"),
        cluster: text.nullable().describe("of kind `data`"),
        id: text.nullable().describe("of kind `unfinished`"),
        bytes: bytes.describe("of all its versions"),
        modified: time.describe("when it was last written to"),
        reason: text.describe("why nothing needs it"),
        swept: z.boolean().describe("removed, with every version"),
        versions: z.int().nullable().describe("of kind `data`: how many stand under the key, delete markers among them"),
        locked: z.boolean().describe("a lock of the store keeps it, as far as this role may know"),
        lockedUntil: time.nullable().describe("when its lock ends; null where it has none or no end, or nobody knows it"),
        legalHold: z.boolean().describe("a person put it on hold, which has no end"),
      }),
    )
    .describe("what nothing needs"),
  unclear: z
    .array(object({ key: text.describe("of the object in the store"), reason: text.describe("a sentence") }))
    .describe("data that is left alone, since it may be needed"),
});
