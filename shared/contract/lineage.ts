import { z } from "zod";
import { cluster, count, digest, lineageAttention, object, receipt, revision, text, time, unbelieved } from "./parts.ts";

const lineage = {
  number: z.int().positive().describe("of the lineage, from 1"),
  openedAt: time.describe("when its first backup ran"),
  reason: text.describe("why it was opened: docs/format.md"),
  clusterId: text.describe("etcd's"),
  revision: revision.describe("etcd's, where it began"),
  digest: digest.describe("of the lineage's document as it is stored"),
  accepted: object({
    at: time.describe("when"),
    reason: text.describe("what that person said"),
    fingerprint: digest.describe("of the key that signed it"),
  })
    .nullable()
    .describe("who accepted it; null where nobody did"),
  attention: lineageAttention,
};

const lineageListDocument = object({
  cluster,
  lineages: z
    .array(
      object({
        ...lineage,
        current: z.boolean().describe("whether the next backup belongs to it"),
        snapshots: count.describe("how many it has"),
      }),
    )
    .describe("in order"),
  unbelieved: z.array(unbelieved).describe("what is stored as a lineage or an acceptance and is not believed"),
}).meta({ title: "`lineage ls`" });

const lineageAcceptDocument = object({
  cluster,
  outcome: z.enum(["accepted", "already", "not-needed"]).describe("`not-needed`: the first lineage waits for nobody"),
  ...lineage,
  key: text.nullable().describe("of the acceptance in the store; null where nothing was written"),
  custody: receipt.nullable().describe("the record of it; null where nothing was written"),
}).meta({ title: "`lineage accept`" });

/** Of `lineage ls`, and of `lineage accept`. */
export const lineageDocument = z.union([lineageListDocument, lineageAcceptDocument]);
