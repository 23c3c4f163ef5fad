import { z } from "zod";
import { bytes, cluster, clusterAttention, digest, fault, goodness, object, ref, revision, text, time, unbelieved } from "./parts.ts";

export const listDocument = object({
  snapshots: z
    .array(
      object({
        ref,
        cluster,
        id: text,
        slot: time.describe("the time that it stands for"),
        takenAt: time.nullable().describe("when its stream began; null, as all that follows, where its manifest is not believed"),
        databaseBytes: bytes.nullable(),
        storedBytes: bytes.nullable(),
        revision: revision.nullable(),
        lineage: z.int().positive().nullable(),
        lineageAccepted: z.boolean().nullable().describe("null where that is not known"),
        proof: text.nullable().describe("`proven`, or `unproven: ` and the reason"),
        quarantined: z.boolean().nullable(),
        verifiedAt: time
          .nullable()
          .describe("when the newest countersignature of exactly this manifest was made; null where there is none"),
        ...goodness,
        createdAt: time.nullable().describe("when it was complete: its content is not newer"),
        manifestDigest: digest.nullable(),
        error: fault.nullable().describe("why its manifest is not believed, or null"),
        replicas: z
          .array(object({ name: text, present: z.boolean().nullable().describe("null where that is not known") }))
          .describe("which of them list it"),
      }),
    )
    .describe("oldest first"),
  lineageAttention: z.array(clusterAttention).describe("of each cluster whose current lineage waits for a person"),
  badCountersignatures: z.array(unbelieved),
  replicas: z.array(
    object({
      name: text,
      location: text,
      error: fault.nullable(),
      also: z.array(ref).nullable().describe("what only the replica has; null where that is not known"),
    }),
  ),
});
