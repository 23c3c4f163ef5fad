import { z } from "zod";
import { manifestSchema } from "../documents/manifest.ts";
import { wrappingSchema } from "../documents/parts.ts";
import { verificationSchema } from "../documents/verification.ts";
import {
  bytes,
  cluster,
  count,
  digest,
  fault,
  goodness,
  object,
  receipt,
  ref,
  snapshotAttention,
  text,
  time,
  unbelieved,
} from "./parts.ts";

/** The documents of commands about one snapshot. */

const fromReplica = text.nullable().describe("the replica that was read in place of the store, or null");

export const showDocument = object({
  ref,
  manifest: manifestSchema.describe("the signed payload: docs/format.md"),
  manifestDigest: digest,
  ...goodness,
  lineageAccepted: z.boolean().nullable().describe("null where that is not known"),
  lineageAttention: snapshotAttention,
  verifications: z.array(verificationSchema).describe("the countersignatures of exactly this manifest: docs/format.md"),
  addedWrappings: z.array(wrappingSchema).nullable().describe("those of rewraps since; null where the caller may not read them"),
  badCountersignatures: z.array(unbelieved),
  replicas: z.array(
    object({
      name: text,
      location: text,
      state: z.enum(["present", "missing", "different", "incomplete", "unknown"]),
      reason: text.nullable(),
    }),
  ),
  data: object({
    state: z
      .enum(["present", "missing", "wrong-size", "unknown"])
      .describe("of its own data, as metadata tells; unknown where the caller may not look"),
    bytes: bytes.nullable().describe("that are there"),
    reason: text.nullable(),
  }),
  from: fromReplica,
});

export const verifyDocument = object({
  ref,
  ...goodness,
  level: z.enum(["shallow", "deep"]),
  checks: z.array(text).describe("what holds, in order"),
  manifestDigest: digest,
  countersignature: text.nullable().describe("its key in the store; of `--deep` only"),
  custody: receipt.nullable().describe("the record that tells of it; of `--deep` only"),
  lineageFindings: z
    .array(object({ code: z.enum(["lineage/unannounced", "lineage/unbelieved", "lineage/unread"]), key: text, message: text }))
    .nullable()
    .describe("what stands as a lineage of the cluster and no backup opened; of `--deep` only"),
  opened: z
    .array(text)
    .nullable()
    .describe("the keys of those wrappings in its manifest that were opened; of `--deep` without `--from` only"),
  from: fromReplica,
});

/** Of `--missing`. */
export const verifyMissingDocument = object({
  cluster,
  level: z.literal("deep"),
  snapshots: z
    .array(
      object({
        ref,
        ...goodness,
        checks: z.array(text),
        manifestDigest: digest.nullable().describe("null, as all that follows, where it failed"),
        countersignature: text.nullable(),
        custody: receipt.nullable(),
        error: fault.nullable().describe("why it could not be verified, or null"),
      }),
    )
    .describe("those without a countersignature, newest first, as far as the run came"),
});

export const copyDocument = object({
  ref,
  replica: text,
  location: text,
  outcome: z.enum(["copied", "existing"]),
  documents: count.describe("how many came with it"),
  conflicts: z.array(text).describe("sentences"),
  manifestDigest: digest,
  custody: receipt.nullable().describe("the record that tells of it, or null"),
});

export const exportDocument = object({
  ref,
  file: text.describe("absolute path"),
  bytes,
  sha256: digest,
  etcdVersion: text,
  takenAt: time.describe("when its stream began"),
  ...goodness,
  lineageAttention: snapshotAttention,
  from: fromReplica,
});
