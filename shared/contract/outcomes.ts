import { z } from "zod";
import { CONFIRMED } from "../documents/confirmation.ts";
import { bytes, cluster, count, digest, text, time } from "./parts.ts";
import type { ReadOnly } from "./parts.ts";

/** What the functions return. */

/** Why the cluster's lineage waits for a person. */
export const outcomeAttention = z.object({
  number: z.int().positive().describe("of the lineage"),
  reason: text.describe("why it was opened: docs/format.md"),
  message: text.describe("a sentence"),
  since: text.describe("when it was opened (ISO 8601 in UTC)"),
});

/** What became of a snapshot in a replica. */
export const replicaOutcome = z.object({
  replica: text.describe("its name"),
  outcome: z.enum(["copied", "existing", "failed"]).describe("`failed` leaves what was verified as good as it is"),
});

/** What the backup function returns, and the verify function takes. */
export const backupOutcome = z.object({
  cluster,
  id: text.describe("the snapshot's id"),
  existing: z.boolean().describe("whether the slot was backed up before"),
  committedBy: z
    .enum(["this-run", "another-run"])
    .describe(
      "whose snapshot it is: this execution's (also where a retry of it found it), or another run's, which counts as no backup of this one",
    ),
  manifestDigest: digest.describe("of the manifest as it is stored"),
  proof: z
    .enum(["proven", "unproven", "off"])
    .describe("whether a quorum confirmed the content; `off` where that is turned off for the cluster"),
  quarantined: z.boolean().describe("whether the snapshot is in quarantine"),
  dissenters: z.array(text).describe("names of members that contradict the others"),
  lineage: z.int().positive().describe("number of the snapshot's lineage"),
  lineageAttention: outcomeAttention.nullable().describe("why the cluster's lineage waits for a person; null where it does not"),
  databaseBytes: bytes.describe("size of the database"),
  storedBytes: bytes.describe("size of the stored object"),
  custody: text
    .nullable()
    .describe(
      "the head of the custody log, to be kept elsewhere: `SEQ:DIGEST`; null where the log could not be written or there was nothing to record",
    ),
  needsAttention: z.boolean().describe("whether a person should look: what `lifeboat backup` ends with exit code 6 for"),
  findings: z.array(text).describe("what that is, a sentence each"),
});

/** Why nothing is removed until a person has looked. */
export const outcomeBrake = z.object({
  name: text.describe("as `lifeboat prune --although` takes it"),
  message: text.describe("a sentence"),
  fix: text.describe("what a person does about it"),
});

/** What the verify function ordered to go. */
export const orderOutcome = z.object({
  outcome: z
    .enum(["ordered", "already", "nothing", "waits", "failed"])
    .describe(
      "`already`: the newest order says the same; `nothing`: nothing is to go; `waits`: a person has to look first, see `brakes`; `failed`: see `message`",
    ),
  subjects: count.describe("how many objects it names, each version by itself"),
  bytes: bytes.describe("of these objects"),
  brakes: z.array(outcomeBrake).describe("why it waits"),
  message: text.nullable().describe("why it failed; null where it did not"),
});

export const verifyOutcome = z.object({
  cluster,
  id: text.describe("the snapshot's id"),
  countersignature: text.nullable().describe("its key in the store; null where it was not read back (`verify.deepVerify`)"),
  confirmed: z
    .enum(CONFIRMED)
    .default("not asked")
    .describe("whether members of the cluster confirmed it to the verifier: `members`, `too late` or `not asked`"),
  notConfirmed: text.nullable().default(null).describe("why they did not, a sentence; null where they did"),
  custody: text
    .nullable()
    .describe(
      "the head of the custody log once the replicas were filled, to be kept elsewhere: `SEQ:DIGEST`; null where this step had nothing to record",
    ),
  replicas: z.array(replicaOutcome).describe("what became of the snapshot in each replica"),
  findings: z.array(text).describe("what was found about the cluster's lineages, a sentence each; it says nothing against the snapshot"),
  order: orderOutcome.describe("what retention ordered to go after it; whatever it is, the verification holds"),
});

/** What the keeper returns. Of long lists it names the first 20. */
export const keeperOutcome = z.object({
  cluster,
  order: z
    .object({ id: digest.describe("of what it names"), time: time.describe("when it was given") })
    .nullable()
    .describe("the order that was followed, or refused; null where nothing is left to follow"),
  removed: count.describe("how many snapshots of which it removed something"),
  removedBytes: bytes.describe("of what it removed"),
  locked: count.describe("how many objects a lock keeps, to be tried again later"),
  refused: count.describe("how many things it refused to remove; an order that it did not believe counts as one"),
  unfinished: count.describe("how many unfinished uploads it threw away"),
  locksExtended: count.describe("how many objects that are kept are locked for longer now"),
  bytesBefore: bytes.describe("that the cluster took up in the store, all versions of everything, as the store lists it"),
  bytesAfter: bytes.describe("the same afterwards"),
  needsAttention: z.boolean().describe("whether a person should look: what `lifeboat prune` ends with exit code 6 for"),
  findings: z.array(text).describe("what that is, a sentence each"),
});

/** Why a step failed. */
export const stepFailure = z.object({
  code: text.describe("of the error"),
  message: text.describe("a sentence, and on a second line `hint: ` and what to do next where that is known"),
});

/** What the check function returns where all is well. */
export const checkOutcome = z.object({
  cluster,
  id: text.describe("of the newest good snapshot"),
  takenAt: time,
  ageSeconds: count,
});

/** The output of an execution that succeeded. */
export const executionOutcome = z.object({
  backup: backupOutcome,
  verify: verifyOutcome,
  keeper: keeperOutcome.nullable().describe("null where nothing was ordered, or the keeper failed"),
  keeperFailure: stepFailure.nullable().describe("why the keeper failed; null where it did not"),
});

/** What the maintenance of a Kopia repository returns. */
const maintainOutcome = z.object({
  location: z.string().describe("of the repository"),
  snapshots: z.int().describe("whole snapshots of lifeboat in it"),
  freedBytes: z.int().describe("of the storage, given back by this run; below zero where it grew"),
  waitingBytes: bytes.nullable().describe("removed and not given back yet; null where no full maintenance has looked"),
  locksExtended: z.int().nullable().describe("blobs whose locks this run extended; null where it had none to extend"),
});

/** What the drill returns where none failed. */
const drillOutcome = z.object({
  drilled: z
    .array(
      z.object({
        cluster,
        id: text.describe("the snapshot's id"),
        evidence: text.describe("its key in the store"),
        restoredMs: count.describe("how long restoring took"),
        notCompared: z.array(text).describe("what could not be held against the manifest, a sentence each"),
      }),
    )
    .describe("those that were drilled, all of which passed"),
  waiting: z.array(cluster).describe("those that are due, and for which no time was left: the next run takes them first"),
});

/** What the audit returns. Of findings it names the first 20. */
const auditOutcome = z.object({
  clusters: z
    .array(
      z.object({
        cluster,
        verdict: z
          .enum(["ready", "ready with loss", "not ready"])
          .nullable()
          .describe("null where what is stored does not settle it, and nobody asked etcd and the keys of late"),
        errors: count.describe("findings that say that a promise does not hold"),
        warnings: count,
      }),
    )
    .describe("in order"),
  findings: z.array(text).describe("those that are errors, a sentence each"),
  report: text.describe("the key of the page in the store"),
});

/** What the planner of a fleet returns: an item is what the child workflow of a cluster begins with. */
const planOutcome = z.object({
  list: count.describe("number of the list that is in force"),
  due: z.array(z.object({ cluster, slot: time.optional().describe("of its backup; left out by hand, and where it is none") })),
});

/** What the watch of a fleet returns: whom to tell of. */
const watchOutcome = z.object({
  list: count.describe("number of the list that is in force"),
  clusters: count.describe("how many it has"),
  missed: count.describe("how many have no good snapshot within their rpo"),
  told: z.array(z.object({ cluster, state: z.enum(["missed", "recovered"]) })).describe("those that `toTell` speaks of"),
  toTell: z.array(
    z.object({
      cluster: text.describe("its name; of many at once all names, with commas"),
      state: z.enum(["missed", "recovered"]),
      subject: text.describe("of the notice"),
      since: time.nullable().describe("when the data of its newest good snapshot was there; null where there is none"),
      labels: z.record(z.string(), z.string()),
      problems: z.array(text),
    }),
  ),
});

export type PlanOutcome = ReadOnly<z.infer<typeof planOutcome>>;
export type WatchOutcome = ReadOnly<z.infer<typeof watchOutcome>>;
export type AuditOutcome = ReadOnly<z.infer<typeof auditOutcome>>;
export type DrillOutcome = ReadOnly<z.infer<typeof drillOutcome>>;
export type MaintainOutcome = ReadOnly<z.infer<typeof maintainOutcome>>;
export type BackupOutcome = ReadOnly<z.infer<typeof backupOutcome>>;
export type VerifyOutcome = ReadOnly<z.infer<typeof verifyOutcome>>;
export type OrderReport = ReadOnly<z.infer<typeof orderOutcome>>;
export type KeeperOutcome = ReadOnly<z.infer<typeof keeperOutcome>>;
export type CheckOutcome = ReadOnly<z.infer<typeof checkOutcome>>;
export type ExecutionOutcome = ReadOnly<z.infer<typeof executionOutcome>>;
