import { z } from "zod";
import { bytes, cluster, count, labels, lineageAttention, object, revision, text, time } from "./parts.ts";

const snapshot = {
  id: text.describe("its slot, as `20261121T100000Z`"),
  startedAt: time.describe("when its stream began"),
  createdAt: time.describe("when it was complete: its content is not newer"),
  databaseBytes: bytes.describe("size of the database, in bytes"),
  storedBytes: bytes.describe("size of what is stored, in bytes"),
  revision: revision.describe("etcd's, of the snapshot"),
  lineage: z.int().positive().describe("number of its [lineage](#lifeboat-lineage)"),
};

export const fleetDocument = object({
  clusters: z
    .array(
      object({
        cluster,
        labels,
        hint: z
          .enum([
            "ok",
            "unknown",
            "nothing stored",
            "none good",
            "too old",
            "new lineage",
            "not believed",
            "drill failed",
            "not configured",
          ])
          .describe("the gravest that is wrong with it"),
        problems: z.array(text).describe("a sentence each; empty where all is well"),
        rpoSeconds: z.int().positive().nullable().describe("the cluster's `rpo`; null where the configuration does not have it"),
        stored: object({
          snapshots: count.describe("how many there are"),
          good: count.describe("how many are [good](#refs)"),
          notVerified: count.describe("how many have no countersignature"),
          quarantined: count.describe("how many are in quarantine"),
          unbelieved: count.describe("how many have a manifest that is not believed"),
          storedBytes: bytes.describe("of all whose manifest is believed, in bytes"),
          newestGood: object({ ...snapshot, ageSeconds: count.describe("since it was complete") })
            .nullable()
            .describe("null where none is good"),
          newest: object(snapshot).nullable().describe("good or not, of those whose id is not in the future; null where there is none"),
          lineage: z.int().positive().nullable().describe("the current one; null where none is believed"),
          lineageAttention,
          drill: object({
            id: text.describe("of the snapshot"),
            at: time.describe("when"),
            failed: z.boolean().describe("whether it did not bring back what was backed up"),
          })
            .nullable()
            .describe("the newest drill; null where there is none"),
        })
          .nullable()
          .describe("what the store has of it; null where that could not be read"),
      }),
    )
    .describe("by name, those of the configuration and those of the store"),
});
