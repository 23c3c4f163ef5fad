import { z } from "zod";
import { bytes, cluster, count, digest, fault, labels, object, text, time } from "./parts.ts";

const list = object({
  number: z.int().positive().describe("in its key"),
  key: text.describe("in the store"),
  digest: digest.describe("of the object"),
  createdAt: time.describe("when it was applied"),
  by: text.describe("who applied it, as they named themselves"),
  fingerprint: digest.describe("of the key that signed it"),
});

const inForce = list.nullable().describe("the list in force; null where there is none");
const unbelieved = z.array(fault).describe("what is numbered above it and not believed");

const changes = z
  .array(
    object({
      cluster,
      change: z.enum(["added", "removed", "changed"]).describe("to the list"),
      settings: z
        .array(
          object({
            setting: text.describe("below the cluster, such as `retention.hourly`"),
            before: text.nullable().describe("as the list has it; null where it is not written"),
            after: text.nullable().describe("as the configuration has it; null where it is not written"),
          }),
        )
        .describe("each that means something else; of a cluster that is added or removed, all that are written"),
    }),
  )
  .describe("by cluster");

export const fleetPlanDocument = object({
  inForce,
  unbelieved,
  clusters: count.describe("how many the configuration has"),
  changes,
});

export const fleetApplyDocument = object({
  inForce: list.nullable().describe("the list that was in force before; null where there was none"),
  unbelieved,
  clusters: count.describe("how many the configuration has"),
  changes,
  applied: object({
    number: z.int().positive().describe("in its key"),
    key: text.describe("in the store"),
    digest: digest.describe("of the object"),
    bytes: bytes.describe("its size"),
  })
    .nullable()
    .describe("the list that is in force now; null where nothing was to change"),
});

export const fleetListDocument = object({
  inForce,
  unbelieved,
  clusters: z
    .array(
      object({
        cluster,
        labels,
        endpoints: z.array(text).describe("of etcd; empty where the settings are not understood"),
        network: text.nullable().describe("where it is reached from; null where the settings are not understood"),
        schedule: text.nullable().describe("such as `every 1h`; null where the settings are not understood"),
        rpoSeconds: z.int().positive().nullable().describe("its `rpo`; null where the settings are not understood"),
        error: fault.nullable().describe("why its settings are not understood by this version, or null"),
      }),
    )
    .describe("by name"),
});
