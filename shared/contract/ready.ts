import { z } from "zod";
import { cluster, count, object, receipt, ref, text, time } from "./parts.ts";

const line = object({
  name: text.describe("stable, such as `drill`"),
  question: text.describe("what it answers, in words"),
  answer: z.enum(["yes", "no", "unknown"]).describe("`unknown` is never ready"),
  evidence: z.array(text).describe("a fact each"),
  fix: text.describe("what to do; empty where the answer is yes"),
});

export const readyDocument = object({
  cluster,
  at: time.describe("when it was judged"),
  verdict: z.enum(["ready", "ready with loss", "not ready"]).describe("`ready with loss`: all but `age` is a yes"),
  good: ref.nullable().describe("the newest good snapshot, from which the cluster would be brought back; null where there is none"),
  loss: object({
    seconds: count.describe("all that was written in so many seconds would be lost"),
    writes: count
      .nullable()
      .describe("how many writes: no more objects than that were made, changed or deleted; null where that is not known"),
    basis: z
      .enum(["etcd", "pace"])
      .nullable()
      .describe("`etcd`: by the revision that a member told; `pace`: by that of the last two good snapshots"),
  })
    .nullable()
    .describe("what would be lost now; null where no snapshot is good"),
  rtoSeconds: z.number().nonnegative().nullable().describe("how long the last drill took; null where none went well"),
  lines: z.array(line).describe("each question"),
  notAsked: z.array(text).describe("what the configuration does not ask for, and so is no line"),
  signed: object({ key: text.describe("of the document in the store"), custody: receipt.describe("the record that announced it") })
    .nullable()
    .describe("with `--sign`; else null"),
});
