import { z } from "zod";
import { bytes, cluster, count, digest, errorFields, lineageAttention, object, receipt, ref, revision, text, unbelieved } from "./parts.ts";

/** Steps of a backup in the order in which they first run. */
const PHASES = ["lock", "slot", "preflight", "lineage", "stream", "agreement", "store", "custody", "manifest"] as const;

/** What one backup printed. */
export const backupDocument = object({
  id: text.describe("the snapshot's id, which is its slot"),
  cluster,
  ref,
  existing: z.boolean().describe("whether the slot was backed up before"),
  committedBy: z
    .enum(["this-run", "another-run"])
    .describe("who committed the snapshot in the slot; by hand a run does not know its own retries"),
  doubts: z.array(text).describe("sentences: why a person should look at the snapshot of another run"),
  revision,
  databaseBytes: bytes,
  storedBytes: bytes,
  member: object({ id: text, name: text, endpoint: text, version: text }).describe(
    "the member that gave the snapshot; `id` is `0` and `name` empty where several stand behind the endpoint",
  ),
  lineage: z.int().positive(),
  lineageAttention,
  unbelievedLineages: z.array(unbelieved).describe("what stands in the place of a lineage or an acceptance"),
  proof: text.describe("`proven`, or `unproven: ` and the reason"),
  alarms: z
    .array(object({ memberId: text, alarm: text }))
    .nullable()
    .describe("those that the snapshot holds and a restore brings back; null where they are not recorded"),
  dissenters: z.array(text).describe("names of members that contradict the others"),
  quarantine: z.array(text).nullable().describe("the reasons, or null"),
  furtherCopies: z.array(ref).describe("of the other members, where they differ"),
  phases: z.partialRecord(z.enum(PHASES), count).describe("milliseconds of each step that ran"),
  manifestDigest: digest,
  custody: receipt
    .nullable()
    .describe("the last record of this run in the custody log; null where there was nothing to tell, or the log could not be told"),
  replicas: z
    .array(
      object({
        name: text,
        location: text,
        ref,
        outcome: z.enum(["copied", "existing", "failed"]),
        conflicts: z.array(text).describe("sentences"),
        error: object({ code: text, message: text, hint: text.nullable() }).nullable(),
      }),
    )
    .describe("what became of each copy"),
  notWrapped: z.array(text).describe("sentences: wrapping keys that could not be used"),
});

/** Of `lifeboat backup --all`. */
export const backupAllDocument = object({
  clusters: z
    .array(
      object({
        cluster,
        exitCode: z.int().describe("that of this cluster's backup"),
        backup: backupDocument.nullable().describe("null where it failed"),
        error: errorFields.nullable().describe("null where it did not fail"),
      }),
    )
    .describe("in the order of the configuration; those before an interruption"),
});
