import { z } from "zod";
import { cluster, object, ref, text, time } from "./parts.ts";

export const checkDocument = object({
  clusters: z
    .array(
      object({
        cluster,
        ok: z.boolean().describe("whether the newest good snapshot is within the rpo, and nothing else is wrong"),
        rpoSeconds: z.int().positive().describe("the cluster's `rpo`"),
        good: object({ ref, takenAt: time.describe("when its data was there"), ageSeconds: z.int().nonnegative().describe("since then") })
          .nullable()
          .describe("the newest good snapshot; null where none is good"),
        drill: object({
          everySeconds: z.int().positive().describe("`drill.every`"),
          last: object({ ref, drilledAt: time.describe("when it began"), passed: z.boolean().describe("false where it failed") })
            .nullable()
            .describe("the last one that is believed; null where there is none"),
        })
          .nullable()
          .describe("rehearsed restores; null where `drill.every` is not set"),
        problems: z.array(text).describe("a sentence each; empty where all is well"),
      }),
    )
    .describe("in the order of the configuration"),
});
