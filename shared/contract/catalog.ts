import { z } from "zod";
import { cluster, count, object, text, unbelieved } from "./parts.ts";

export const catalogDocument = object({
  clusters: z
    .array(
      object({
        cluster,
        written: z
          .array(
            object({
              key: text.describe("of the segment in the store"),
              rows: z.int().positive().describe("how many snapshots it tells of"),
              merged: z.array(text).describe("names of the segments that are needed no more because of it"),
            }),
          )
          .describe("by this run"),
        rows: count.describe("snapshots that segments tell of now"),
        unsegmented: count.describe("snapshots that listings read one by one: not countersigned, or something about them is not believed"),
        segments: count.describe("how many a listing reads"),
        bad: z.array(unbelieved).describe("segments that are not believed, and were passed over"),
      }),
    )
    .describe("by name"),
});
