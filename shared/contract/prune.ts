import { z } from "zod";
import { bytes, cluster, count, digest, object, receipt, text, time } from "./parts.ts";

const id = text.describe("the snapshot's");

const brake = object({
  name: text.describe("as `--although` takes it"),
  message: text.describe("a sentence"),
  fix: text.describe("what a person does about it"),
});

const decision = object({
  id,
  verdict: z.enum(["keep", "remove"]).describe("what the policy says"),
  reasons: z
    .array(object({ code: text.describe("stable, such as `daily` or `superseded`"), text: text.describe("a sentence") }))
    .describe("every reason that holds"),
  lineage: z.int().positive().nullable().describe("null where it is not known"),
  good: z.boolean().nullable().describe("whether it is [good](#refs); null where that is not known"),
  bytes: bytes.describe("of all its objects in all versions"),
});

const order = object({
  outcome: z
    .enum(["ordered", "already", "nothing", "waits"])
    .describe("`already`: the newest order says the same; `nothing`: nothing is to go; `waits`: a person has to look first, see `brakes`"),
  records: z.array(receipt).describe("the records of the order in the custody log"),
  subjects: count.describe("how many objects it names, each version by itself"),
  bytes: bytes.describe("of these objects"),
});

const execution = object({
  order: object({
    id: digest.describe("of what it names"),
    time: time.describe("when it was given"),
    actor: text.describe("who gave it"),
    subjects: count.describe("how many objects it names"),
  })
    .nullable()
    .describe("the order that was followed, or refused; null where there is no order to follow"),
  orderRefused: object({ code: text.describe("`expired`, `incomplete`, `broken-chain` or `future`"), message: text.describe("a sentence") })
    .nullable()
    .describe("why the newest order was not followed"),
  removed: z
    .array(object({ id, objects: count.describe("how many, each version by itself"), bytes: bytes.describe("of these") }))
    .describe("what was removed; in a dry run, what would be removed"),
  refused: z
    .array(object({ subject: text.describe("`CLUSTER/ID`, or a key"), reason: text.describe("a sentence") }))
    .describe("what the order names but a rule forbids to remove"),
  locked: z
    .array(
      object({
        id,
        key: text.describe("of the object"),
        until: time.nullable().describe("null where the lock has no end, or its end is not known"),
      }),
    )
    .describe("what a lock keeps: tried again by a later run"),
  unfinished: z
    .array(object({ id: text.describe("of the upload"), bytes: bytes.describe("that it had brought") }))
    .describe("uploads that were thrown away"),
  locksExtended: count.describe("how many objects that are kept are locked for longer now"),
  locksFailed: z
    .array(object({ key: text.describe("of the object"), message: text.describe("a sentence") }))
    .describe("whose lock could not be renewed"),
  bytesBefore: bytes.describe("that the cluster took up in the store, all versions of everything, as the store lists it"),
  bytesAfter: bytes.describe("the same afterwards"),
});

export const pruneDocument = object({
  cluster,
  mode: z.enum(["dry-run", "order", "execute", "order-and-execute"]).describe("what was asked for"),
  keep: count.describe("how many snapshots the policy keeps"),
  remove: count.describe("how many are to be removed"),
  removeBytes: bytes.describe("that these take up, with what is left over"),
  decisions: z.array(decision).describe("of each snapshot, newest first"),
  leftovers: z
    .array(object({ id, bytes: bytes.describe("of all its objects"), reason: text.describe("why nothing needs it") }))
    .describe("what killed runs and interrupted removals left"),
  unclear: z
    .array(object({ key: text.describe("of an object"), reason: text.describe("a sentence") }))
    .describe("what is kept since something about it is not known: snapshots, by their manifests, and what may be left over"),
  brakes: z.array(brake).describe("why nothing is removed until a person has looked; those that `--although` names are left out"),
  order: order.nullable().describe("null where none was asked for"),
  execution: execution.nullable().describe("null where none was asked for"),
});
