import { z } from "zod";
import { cluster, count, digest, lineageAttention, object, receipt, revision, text, time, unbelieved } from "./parts.ts";

const lineage = {
  number: z.int().positive(),
  openedAt: time,
  reason: text.describe("why it was opened: docs/format.md"),
  clusterId: text.describe("etcd's"),
  revision,
  digest,
  accepted: object({ at: time, reason: text, fingerprint: digest }).nullable(),
  attention: lineageAttention,
};

const lineageListDocument = object({
  cluster,
  lineages: z.array(object({ ...lineage, current: z.boolean(), snapshots: count })).describe("in order"),
  unbelieved: z.array(unbelieved),
});

const lineageAcceptDocument = object({
  cluster,
  outcome: z.enum(["accepted", "already", "not-needed"]),
  ...lineage,
  key: text.nullable().describe("of the acceptance in the store; null where nothing was written"),
  custody: receipt.nullable().describe("the record that tells of it; null where nothing was written"),
});

/** Of `lineage ls`, and of `lineage accept`. */
export const lineageDocument = z.union([lineageListDocument, lineageAcceptDocument]);
