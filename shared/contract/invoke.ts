import { z } from "zod";
import { backupOutcome, outcomeAttention, replicaOutcome, verifyOutcome } from "./outcomes.ts";
import { object, text } from "./parts.ts";

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
  }).describe("what the verify function returned"),
});
