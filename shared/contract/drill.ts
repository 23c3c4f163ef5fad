import { z } from "zod";
import { DRILL_OUTCOMES } from "../documents/drill.ts";
import { bytes, count, digest, goodness, object, receipt, ref, revision, text, time } from "./parts.ts";

export const drillDocument = object({
  ref,
  ...goodness,
  manifestDigest: digest.describe("of the manifest as it is stored"),
  outcome: z.enum(DRILL_OUTCOMES).describe("whether the snapshot was restored, and is what its manifest says"),
  failure: object({
    step: text.describe("the step that failed"),
    code: text.describe("stable, such as `verify/content`; it decides the [exit code](#exit-codes)"),
    message: text.describe("a sentence"),
    hint: text.nullable().describe("what to do next; null where that is not known"),
  })
    .nullable()
    .describe("null where it passed"),
  drilledAt: time.describe("when it began"),
  steps: z
    .array(object({ name: text.describe("`apply: STEP` for a step of restore.sh"), ms: count.describe("how long it took") }))
    .describe("in order; of a failed drill the last one is the one that failed"),
  etcdVersion: text.nullable().describe("of the etcd that ran on what was restored; null where none did"),
  hashKv: object({
    revision: revision.describe("up to which it is"),
    compactRevision: z.int().min(-1).describe("the compaction that it is of; -1 where there was none"),
    hash: count.describe("CRC-32C"),
  })
    .nullable()
    .describe("what that etcd answered; null where it was not asked"),
  notCompared: z.array(text).describe("what could not be held against the manifest, a sentence each"),
  keys: count.nullable().describe("that it had; null where they were not read"),
  sample: object({ values: count.describe("that were tried"), objects: count.describe("those that were read") })
    .nullable()
    .describe("objects of Kubernetes that were read; null where there are none, or nothing that reads them"),
  bumpedRevision: revision.nullable().describe("at which it began where it was restored as a node does; null where it did not come so far"),
  payloadBytes: bytes.nullable().describe("that were fetched; null where no bundle was made"),
  evidence: text.describe("its key in the store"),
  custody: receipt.describe("the record of it"),
});
