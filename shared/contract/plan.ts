import { z } from "zod";
import { bytes, cluster, count, object, text, time } from "./parts.ts";

export const planDocument = object({
  cluster,
  now: time.describe("from when it is reckoned"),
  until: time.describe("to when"),
  step: z
    .enum(["day", "week", "month"])
    .describe("how far apart the points are: a day up to a month ahead, a week up to half a year, else the first of each month in UTC"),
  points: z
    .array(
      object({
        time: time.describe("when"),
        snapshots: count.describe("how many are stored then"),
        bytes: bytes.describe("that they take up, all their objects in all versions"),
        added: count.describe("backups since the point before"),
        removed: count.describe("snapshots that went since the point before"),
      }),
    )
    .describe("the first is now, before anything is removed, the last `until`"),
  backups: count.describe("how many come until then, by the schedule"),
  size: object({
    bytes: bytes.describe("of the next backup, or nearly so"),
    bytesPerDay: count.describe("by how much backups grow each day; 0 where `basis` is `constant`"),
    basis: z.enum(["trend", "constant"]).describe("whether backups are taken to grow"),
    reason: text.describe("what that is taken from"),
  }).describe("how large the coming backups are taken to be"),
  frozen: z
    .array(object({ lineage: z.int().positive().describe("its number"), reason: text.nullable().describe("why, a sentence") }))
    .describe("lineages of which nothing goes"),
});
