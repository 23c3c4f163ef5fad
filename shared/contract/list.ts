import { z } from "zod";
import {
  bytes,
  cluster,
  clusterAttention,
  digest,
  fault,
  goodness,
  object,
  pinning,
  ref,
  revision,
  text,
  time,
  unbelieved,
} from "./parts.ts";

export const listDocument = object({
  snapshots: z
    .array(
      object({
        ref,
        cluster,
        id: text.describe("its slot, as `20261121T100000Z`"),
        slot: time.describe("the time that it stands for"),
        takenAt: time.nullable().describe("when its stream began; null, as all that follows, where its manifest is not believed"),
        databaseBytes: bytes.nullable().describe("size of the database, in bytes"),
        storedBytes: bytes
          .nullable()
          .describe(
            "size of the stored object, in bytes; of a snapshot in a Kopia repository its whole size, since nobody knows what of it is stored once for several",
          ),
        revision: revision.nullable().describe("etcd's, of the snapshot"),
        lineage: z.int().positive().nullable().describe("number of its [lineage](#lifeboat-lineage)"),
        lineageAccepted: z
          .boolean()
          .nullable()
          .describe("whether a person accepted that lineage, or it needs nobody; null where that is not known"),
        proof: text.nullable().describe("`proven`, or `unproven: ` and the reason"),
        quarantined: z.boolean().nullable().describe("whether it is in quarantine"),
        verifiedAt: time
          .nullable()
          .describe("when the newest countersignature of exactly this manifest was made; null where there is none"),
        ...goodness,
        createdAt: time.nullable().describe("when it was complete: its content is not newer"),
        manifestDigest: digest.nullable().describe("of the manifest as it is stored"),
        error: fault.nullable().describe("why its manifest is not believed, or null"),
        ...pinning,
        replicas: z
          .array(
            object({ name: text.describe("of the replica"), present: z.boolean().nullable().describe("null where that is not known") }),
          )
          .describe("which of them list it"),
      }),
    )
    .describe("oldest first"),
  lineageAttention: z.array(clusterAttention).describe("of each cluster whose current lineage waits for a person"),
  badCountersignatures: z.array(unbelieved).describe("countersignatures that are not believed"),
  badPins: z.array(unbelieved).describe("what stands above the pin that counts and is not believed, or is of another manifest"),
  badSegments: z.array(unbelieved).describe("[catalog segments](#lifeboat-catalog) that are not believed: what they tell of was read"),
  differences: z
    .array(object({ ref, message: text.describe("a sentence") }))
    .nullable()
    .describe("with `--full`, what catalog segments tell otherwise than the documents; else null"),
  replicas: z
    .array(
      object({
        name: text.describe("as the configuration has it"),
        location: text.describe("where it is"),
        error: fault.nullable().describe("why it could not be listed, or null"),
        also: z.array(ref).nullable().describe("what only the replica has, shown or not; null where that is not known"),
      }),
    )
    .describe("the replicas of the configuration"),
});
