import { z } from "zod";
import { CONFIRMED, confirmationSchema } from "../documents/confirmation.ts";
import { manifestSchema } from "../documents/manifest.ts";
import { wrappingSchema } from "../documents/parts.ts";
import { verificationSchema } from "../documents/verification.ts";
import { knownOrUnknown } from "../unknown-values.ts";
import {
  bytes,
  cluster,
  count,
  digest,
  fault,
  goodness,
  object,
  pinning,
  receipt,
  ref,
  signed,
  snapshotAttention,
  text,
  time,
  unbelieved,
} from "./parts.ts";

/** The documents of commands about one snapshot. */

const fromReplica = text.nullable().describe("the replica that was read in place of the store (`--from`), or null");
const manifestDigest = digest.describe("of the manifest as it is stored");

const CONFIRMED_WORDS =
  "what members said when the verifier asked them: `members` confirmed it, or it was `too late`, or they were `not asked` or could not say";
const confirmation = signed(confirmationSchema).nullable();

export const showDocument = object({
  ref,
  manifest: signed(manifestSchema).describe("the signed payload: docs/format.md"),
  manifestDigest,
  ...goodness,
  lineageAccepted: z
    .boolean()
    .nullable()
    .describe("whether a person accepted its lineage, or it needs nobody; null where that is not known"),
  lineageAttention: snapshotAttention,
  confirmed: knownOrUnknown(CONFIRMED)
    .nullable()
    .describe(`${CONFIRMED_WORDS}; of all its countersignatures together, null where there are none`),
  verifications: z.array(signed(verificationSchema)).describe("the countersignatures of exactly this manifest: docs/format.md"),
  addedWrappings: z.array(signed(wrappingSchema)).nullable().describe("those of rewraps since; null where the caller may not read them"),
  badCountersignatures: z.array(unbelieved).describe("countersignatures of it that are not believed"),
  ...pinning,
  badPins: z.array(unbelieved).describe("what stands above that pin and is not believed, or is of another manifest"),
  replicas: z
    .array(
      object({
        name: text.describe("as the configuration has it; `primary` is the store, with `--from`"),
        location: text.describe("where it is"),
        state: z
          .enum(["present", "missing", "different", "incomplete", "unknown"])
          .describe("`different`: another manifest is there; `incomplete`: the manifest without its data"),
        reason: text.nullable().describe("why, a sentence; null where it is present"),
      }),
    )
    .describe("where else it stands"),
  data: object({
    state: z
      .enum(["present", "missing", "wrong-size", "unknown"])
      .describe("of its own data, from metadata; unknown where the caller may not look"),
    bytes: bytes.nullable().describe("that are there; null where that is not known"),
    reason: text.nullable().describe("why, a sentence; null where it is present"),
  }).describe("its data, by metadata alone"),
  from: fromReplica,
});

export const verifyDocument = object({
  ref,
  ...goodness,
  level: z.enum(["shallow", "deep"]).describe("`deep` with `--deep`"),
  checks: z.array(text).describe("what holds, in order"),
  manifestDigest,
  countersignature: text.nullable().describe("its key in the store; of `--deep` without `--from` only"),
  index: text.nullable().describe("the key of the index of the snapshot's keys that was left with it; null where none was"),
  confirmed: z.enum(CONFIRMED).nullable().describe(`${CONFIRMED_WORDS}; of \`--deep\` without \`--from\` only`),
  confirmation: confirmation.describe("who said what, or why nobody did: docs/format.md; of `--deep` without `--from` only"),
  custody: receipt.nullable().describe("the record of it; of `--deep` without `--from` only"),
  lineageFindings: z
    .array(
      object({
        code: z.enum(["lineage/unannounced", "lineage/unbelieved", "lineage/unread"]).describe("stable"),
        key: text.describe("of the object in the store"),
        message: text.describe("a sentence"),
      }),
    )
    .nullable()
    .describe("what is stored as a lineage of the cluster and was opened by no backup; of `--deep` without `--from` only"),
  opened: z
    .array(text)
    .nullable()
    .describe("the keys of those wrappings in its manifest that were opened; of `--deep` without `--from` only"),
  from: fromReplica,
}).meta({ title: "`verify <ref>`" });

/** Of `--missing`. */
export const verifyMissingDocument = object({
  cluster,
  level: z.literal("deep").describe("always"),
  snapshots: z
    .array(
      object({
        ref,
        ...goodness,
        checks: z.array(text).describe("what holds, in order"),
        manifestDigest: digest.nullable().describe("null where it failed"),
        countersignature: text
          .nullable()
          .describe("its key in the store; null where it failed, or was not read back (`verify.deepVerify`)"),
        confirmed: z.enum(CONFIRMED).nullable().describe(`${CONFIRMED_WORDS}; null likewise`),
        confirmation: confirmation.describe("who said what, or why nobody did: docs/format.md; null likewise"),
        custody: receipt.nullable().describe("the record of it; null likewise"),
        error: fault.nullable().describe("why it could not be verified, or null"),
      }),
    )
    .describe("those without a countersignature, newest first, as far as the run came"),
}).meta({ title: "`verify <cluster> --missing`" });

export const copyDocument = object({
  ref,
  replica: text.describe("its name"),
  location: text.describe("where it is"),
  outcome: z.enum(["copied", "existing"]).describe("`existing`: it was there already"),
  documents: count.describe("how many came with it"),
  conflicts: z.array(text).describe("what differs there, a sentence each"),
  manifestDigest,
  custody: receipt.nullable().describe("the record of it, or null"),
});

export const exportDocument = object({
  ref,
  file: text.describe("absolute path"),
  bytes: bytes.describe("of the file, with etcd's trailer"),
  sha256: digest.describe("of the file"),
  etcdVersion: text.describe("of the member that sent it"),
  takenAt: time.describe("when its stream began"),
  ...goodness,
  lineageAttention: snapshotAttention,
  from: fromReplica,
});

/** Of `pin` and of `unpin`. */
export const pinDocument = object({
  ref,
  manifestDigest,
  outcome: z.enum(["pinned", "unpinned", "already"]).describe("`already`: it was so before, and nothing was written"),
  ...pinning,
  badPins: z.array(unbelieved).describe("what stands above that pin and is not believed, or is of another manifest"),
  key: text.nullable().describe("of the pin in the store; null where nothing was written"),
  custody: receipt.nullable().describe("the record of it; null where nothing was written"),
});
