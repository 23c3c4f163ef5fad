import { z } from "zod";
import { custodySchema } from "../documents/custody-record.ts";
import { cluster, count, digest, fault, object, receipt, signed, text, time, unbelieved } from "./parts.ts";

const { subjects, details } = custodySchema.shape;

export const custodyDocument = object({
  cluster,
  records: z
    .array(
      object({
        sequence: z.int().positive().describe("its number in the log, from 1"),
        key: text.describe("of the object in the store"),
        digest: digest.describe("of its first 1 MiB, where it is larger than any record"),
        time: time.nullable().describe("null, as all that follows, where the record is not believed"),
        event: text.nullable().describe("what happened: docs/format.md has the events"),
        actor: text.nullable().describe("who did it: user and host, or a role in AWS"),
        subjects: signed(subjects).nullable().describe("what it is about: docs/format.md"),
        details: signed(details).nullable().describe("what else there is to say, by event: docs/format.md"),
        purpose: z.enum(["snapshot", "audit", "bundle"]).nullable().describe("of the key that signed it"),
        fingerprint: digest.nullable().describe("of that key"),
        error: fault.nullable().describe("why it is not believed, or null"),
      }),
    )
    .describe("those shown, oldest first"),
  verification: object({
    holds: z.boolean().describe("whether nothing was found"),
    head: receipt.nullable().describe("the last record, to be kept elsewhere; null where there is none"),
    findings: z
      .array(
        object({
          code: text.describe("`custody/...`, see above"),
          subject: text.describe("the record or object"),
          message: text.describe("a sentence"),
          fix: text.describe("what to do about it"),
        }),
      )
      .describe("what does not hold or does not match"),
    records: count.describe("how many were read"),
    documents: count.describe("how many were held against them"),
    copied: object({
      head: receipt.nullable().describe("the last record of the copied log"),
      notHere: count.describe("objects that the copied log names and that are not in the replica"),
    })
      .nullable()
      .describe("of a replica (`--replica`), else null"),
  })
    .nullable()
    .describe("null without `--verify` and `--head`"),
});

export const custodyExportDocument = object({
  cluster,
  file: text.describe("as given to `--export`"),
  statements: count.describe("how many were written, one a line"),
  unbelieved: z.array(unbelieved).describe("records that are not believed, of which nothing is stated"),
});
