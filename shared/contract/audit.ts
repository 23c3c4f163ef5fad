import { z } from "zod";
import { cluster, count, labels, object, ref, text, time } from "./parts.ts";

export const auditDocument = object({
  at: time.describe("when it began"),
  full: z.boolean().describe("whether `--full` was given"),
  failOn: z.enum(["error", "warn"]).describe("findings of this severity and worse make the exit code 6"),
  ok: z.boolean().describe("whether there are none of those"),
  counts: object({
    error: count.describe("a promise does not hold"),
    warn: count.describe("it will not for long, or a line of defence is missing"),
    info: count.describe("to be known"),
  }).describe("of the findings, by severity"),
  clusters: z
    .array(
      object({
        cluster,
        labels,
        configured: z.boolean().describe("whether the configuration has it; else it is only stored"),
        snapshots: object({ all: count.describe("stored"), good: count.describe("of them [good](#refs)") })
          .nullable()
          .describe("null where they could not be listed"),
        good: object({ ref, takenAt: time.describe("when its data was there"), ageSeconds: count.describe("since then") })
          .nullable()
          .describe("the newest good snapshot; null where there is none"),
      }),
    )
    .describe("of the configuration and of the store, in order"),
  findings: z
    .array(
      object({
        code: text.describe("stable: [audit.md](audit.md)"),
        severity: z.enum(["error", "warn", "info"]).describe("as `counts` has them"),
        cluster: text.describe("the cluster's name"),
        subject: text.describe("what it is about: a cluster, a ref, a key of the store, a setting"),
        message: text.describe("a sentence"),
        evidence: z.array(text).describe("what it was told by, a fact each"),
        fix: text.describe("what to do about it"),
        runbook: text.describe("a heading of [runbook.md](runbook.md)"),
      }),
    )
    .describe("by cluster, and of each the worst first"),
});
