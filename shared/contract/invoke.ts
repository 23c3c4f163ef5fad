import { z } from "zod";
import {
  backupOutcome,
  keeperOutcome,
  orderOutcome,
  outcomeAttention,
  outcomeBrake,
  replicaOutcome,
  stepFailure,
  verifyOutcome,
} from "./outcomes.ts";
import { cluster, errorFields, object, text } from "./parts.ts";

/** What the functions returned. */
export const invokeDocument = object({
  execution: text.describe("its ARN"),
  backup: object({
    ...backupOutcome.shape,
    lineageAttention: outcomeAttention.strict().nullable().describe("why the cluster's lineage waits for a person; null where it does not"),
  }).describe("what the backup function returned"),
  verify: object({
    ...verifyOutcome.shape,
    replicas: z.array(replicaOutcome.strict()).describe("what became of the snapshot in each replica"),
    order: object({ ...orderOutcome.shape, brakes: z.array(outcomeBrake.strict()).describe("why it waits") }).describe(
      "what retention ordered to go after it; whatever it is, the verification holds",
    ),
  }).describe("what the verify function returned"),
  keeper: object({
    ...keeperOutcome.shape,
    order: keeperOutcome.shape.order
      .unwrap()
      .strict()
      .nullable()
      .describe("the order that was followed, or refused; null where nothing is left to follow"),
  })
    .nullable()
    .describe("what the keeper returned; null where nothing was ordered, or it failed"),
  keeperFailure: stepFailure.strict().nullable().describe("why the keeper failed; null where it did not"),
});

export const invokeManyDocument = object({
  clusters: z
    .array(
      object({
        cluster,
        exitCode: z.int().describe("as for this one alone"),
        id: text.nullable().describe("of its new snapshot; null where there is none"),
        error: errorFields.nullable().describe("why it failed, or null"),
      }),
    )
    .describe("by name; those that an interruption left out are not among them"),
});
