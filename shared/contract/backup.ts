import { z } from "zod";
import {
  bytes,
  cluster,
  count,
  digest,
  documentOf,
  errorFields,
  lineageAttention,
  object,
  receipt,
  ref,
  revision,
  text,
  unbelieved,
} from "./parts.ts";

/** Steps of a backup in the order in which they first run. */
const PHASES = ["lock", "slot", "preflight", "lineage", "stream", "agreement", "store", "custody", "manifest"] as const;

/** What one backup printed. */
export const backupDocument = object({
  id: text.describe("the snapshot's id, which is its slot"),
  cluster,
  ref: ref.describe("`CLUSTER/ID`"),
  existing: z.boolean().describe("whether the slot was backed up before"),
  committedBy: z
    .enum(["this-run", "another-run"])
    .describe("who committed the snapshot in the slot; by hand a run does not know its own retries"),
  doubts: z.array(text).describe("sentences: why a person should look at the snapshot of another run"),
  revision: revision.describe("etcd's, of the snapshot"),
  databaseBytes: bytes.describe("size of the database, in bytes"),
  storedBytes: bytes.describe("size of the stored object, in bytes; of a snapshot in a Kopia repository its whole size"),
  member: object({
    id: text.describe("in hexadecimal; `0` where several members stand behind the endpoint"),
    name: text.describe("empty where several members stand behind the endpoint"),
    endpoint: text.describe("where it was asked"),
    version: text.describe("of etcd"),
  }).describe("the member that gave the snapshot"),
  lineage: z.int().positive().describe("number of the snapshot's [lineage](#lifeboat-lineage)"),
  lineageAttention,
  unbelievedLineages: z.array(unbelieved).describe("what is stored as a lineage or an acceptance and is not believed"),
  proof: text.describe("`proven`, or `unproven: ` and the reason"),
  alarms: z
    .array(object({ memberId: text.describe("in hexadecimal"), alarm: text.describe("such as `NOSPACE`") }))
    .nullable()
    .describe("those that the snapshot holds and a restore brings back; null where they are not recorded"),
  dissenters: z.array(text).describe("names of members that contradict the others"),
  quarantine: z.array(text).nullable().describe("why the snapshot is in quarantine, a sentence each; null where it is not"),
  furtherCopies: z.array(ref).describe("the snapshots of the other members, where they differ"),
  phases: z.partialRecord(z.enum(PHASES), count).describe("milliseconds of each step that ran; `agreement` is asking for HashKV"),
  manifestDigest: digest.describe("of the manifest as it is stored"),
  custody: receipt
    .nullable()
    .describe("the last record of this run in the custody log; null where there was nothing to record, or the log could not be written"),
  replicas: z
    .array(
      object({
        name: text.describe("of the replica"),
        location: text.describe("where it is"),
        ref: ref.describe("the snapshot that was to be copied"),
        outcome: z.enum(["copied", "existing", "failed"]).describe("`existing`: it was there already"),
        conflicts: z.array(text).describe("what differs there, a sentence each"),
        error: object({
          code: text.describe("stable"),
          message: text.describe("a sentence"),
          hint: text.nullable().describe("what to do next"),
        })
          .nullable()
          .describe("why it failed, or null"),
      }),
    )
    .describe("what became of each copy"),
  notWrapped: z.array(text).describe("sentences: wrapping keys that could not be used"),
});

/** Where the slot was backed up before and its snapshot was removed since: nothing was done. */
export const backupSkippedDocument = object({
  id: text.describe("the slot's id"),
  cluster,
  ref: ref.describe("`CLUSTER/ID`, which is not there"),
  skipped: text.describe("why, a sentence"),
});

/** Of `lifeboat backup --all`. */
export const backupAllDocument = object({
  clusters: z
    .array(
      object({
        cluster,
        exitCode: z.int().describe("that of this cluster's backup"),
        backup: documentOf(backupDocument, "backup").nullable().describe("null where it failed or was skipped"),
        error: errorFields.nullable().describe("null where it did not fail"),
        skipped: text
          .nullable()
          .describe("why nothing was done, where the slot was backed up before and its snapshot was removed since; else null"),
      }),
    )
    .describe("in the order of the configuration; those before an interruption"),
});
