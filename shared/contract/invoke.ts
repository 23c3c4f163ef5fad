import { z } from "zod";
import { bytes, cluster, digest, object, text } from "./parts.ts";

/** What the functions give: shared/service.ts. */
export const invokeDocument = object({
  execution: text.describe("its ARN"),
  backup: object({
    cluster,
    id: text,
    existing: z.boolean(),
    committedBy: z.enum(["this-run", "another-run"]),
    manifestDigest: digest,
    proof: z.enum(["proven", "unproven", "off"]),
    quarantined: z.boolean(),
    dissenters: z.array(text),
    lineage: z.int().positive(),
    lineageAttention: object({ number: z.int().positive(), reason: text, message: text, since: text }).nullable(),
    databaseBytes: bytes,
    storedBytes: bytes,
    custody: text.nullable().describe("`SEQ:DIGEST`"),
    needsAttention: z.boolean(),
    findings: z.array(text),
  }),
  verify: object({
    cluster,
    id: text,
    countersignature: text,
    custody: text.describe("`SEQ:DIGEST`"),
    replicas: z.array(object({ replica: text, outcome: z.enum(["copied", "existing", "failed"]) })),
    findings: z.array(text).describe("what was found about the cluster's lineages"),
  }),
});
