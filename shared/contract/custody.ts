import { z } from "zod";
import { custodySchema } from "../documents/custody-record.ts";
import { cluster, count, digest, fault, object, receipt, text, time } from "./parts.ts";

const { subjects, details } = custodySchema.shape;

export const custodyDocument = object({
  cluster,
  records: z
    .array(
      object({
        sequence: z.int().positive(),
        key: text.describe("of the object in the store"),
        digest: digest.describe("of its first 1 MiB, where it is larger than any record"),
        time: time.nullable().describe("null, as all that follows, where the record is not believed"),
        event: text.nullable(),
        actor: text.nullable(),
        subjects: subjects.nullable().describe("docs/format.md"),
        details: details.nullable().describe("docs/format.md"),
        purpose: z.enum(["snapshot", "audit", "bundle"]).nullable().describe("of the key that signed it"),
        fingerprint: digest.nullable().describe("of that key"),
        error: fault.nullable().describe("why it is not believed, or null"),
      }),
    )
    .describe("those shown, oldest first"),
  verification: object({
    holds: z.boolean(),
    head: receipt.nullable(),
    findings: z.array(object({ code: text, subject: text, message: text, fix: text })),
    records: count,
    documents: count,
    copied: object({
      head: receipt.nullable(),
      notHere: count.describe("objects that the copied log tells of and that are not in the replica"),
    })
      .nullable()
      .describe("of a replica (`--replica`), else null"),
  })
    .nullable()
    .describe("null without `--verify` and `--head`"),
});
