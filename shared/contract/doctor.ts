import { z } from "zod";
import { bytes, documentOf, finding, object, text } from "./parts.ts";
import { preflightDocument } from "./preflight.ts";

/** What a caller may not read, or the service does not tell, is told as such. */
const unseen = object({
  unseen: z.enum(["denied", "unsupported"]).describe("why it was not seen"),
  reason: text.describe("a sentence"),
});
/** The tables say "or unseen" of such a field. */
function seen<T extends z.ZodType>(what: T): z.ZodUnion<readonly [T, typeof unseen]> {
  return z.union([what, unseen.meta({ document: "unseen" })]);
}

const retention = object({
  mode: z.enum(["governance", "compliance"]).describe("of Object Lock"),
  days: z.int().positive().describe("how long"),
});

const bucket = object({
  kind: z.literal("bucket").describe("a store in S3"),
  bucket: text.describe("its name"),
  region: text.describe("of the configuration"),
  prefix: text.describe("what keys begin with, or the empty text"),
  endpoint: text.nullable().describe("of an S3-compatible store; null for AWS"),
  namesOwner: z.boolean().describe("whether `store.expectedBucketOwner` is set"),
  ownLock: retention.nullable().describe("`store.lock` of the configuration"),
  versioning: seen(z.enum(["enabled", "suspended", "off"])).describe("as the bucket has it"),
  objectLock: seen(object({ retention: retention.nullable().describe("the bucket's default, or null") }).nullable()).describe(
    "null where it is off",
  ),
  publicAccessBlock: seen(z.array(text)).describe("the settings that are on"),
  policy: seen(text.nullable()).describe("the bucket's policy, JSON as text; null where there is none"),
  lifecycle: seen(
    z.array(
      object({
        id: text.describe("its name"),
        prefix: text.describe("of the keys that it is for"),
        isNarrowed: z.boolean().describe("whether it is for some objects only, by tags or size"),
        abortsUploadsAfterDays: z.int().nullable().describe("null where it ends no unfinished uploads"),
        removes: z.array(z.enum(["objects", "versions"])).describe("what it removes"),
        movesTo: z.array(text).describe("storage classes"),
      }),
    ),
  ).describe("each lifecycle rule that is on"),
  encryption: seen(
    object({ algorithm: text.describe("such as `aws:kms`"), key: text.nullable().describe("in KMS, or null") }).nullable(),
  ).describe("the bucket's default encryption, or null"),
  ownership: seen(text.nullable()).describe("of objects, such as `BucketOwnerEnforced`, or null"),
});

const folder = object({
  kind: z.literal("folder").describe("a directory store"),
  path: text.describe("absolute"),
  mode: z.int().nullable().describe("permission bits; null where there is no folder yet"),
  isWritable: z.boolean().describe("for this user"),
  freeBytes: bytes.describe("left on its disk"),
  isInMemory: z.boolean().describe("whether it is gone after a restart"),
});

const use = z.enum(["wrap", "snapshot", "audit", "bundle"]).describe("what the key is for");
const half = object({ file: text.describe("its name"), state: text.describe("`here`, `not here` or the code of an error") });

const keyFacts = z.discriminatedUnion("kind", [
  object({
    kind: z.literal("kms").describe("keys in AWS KMS"),
    region: text.describe("of the keys"),
    keys: z
      .array(
        object({
          use,
          setting: text.describe("where the configuration names it"),
          id: text.describe("as it is named there"),
          arn: seen(text).describe("of the key itself"),
          spec: seen(text).describe("such as `ECC_NIST_P256`"),
          usage: seen(text).describe("such as `SIGN_VERIFY`"),
          state: seen(text).describe("such as `Enabled`"),
          rotates: seen(z.boolean()).nullable().describe("whether KMS renews its material; of the wrapping key, else null"),
          fingerprint: seen(text).nullable().describe("of signing keys, else null"),
          error: text.nullable().describe("the code of what failed, or null"),
        }),
      )
      .describe("each key of the configuration"),
  }),
  object({
    kind: z.literal("local").describe("key files"),
    folder: text.describe("where they are"),
    mode: z.int().nullable().describe("permission bits; null where there is no such folder"),
    keys: z
      .array(
        object({
          use,
          name: text.nullable().describe("a fingerprint or an age recipient; null where the key cannot be read"),
          private: half.describe("the file with the secret half"),
          public: half.describe("the file with the public half"),
        }),
      )
      .describe("each key"),
  }),
]);

const origin = z.enum(["tools.dir", "package", "checkout", "PATH"]).describe("where it was found");

/** What says of a place that it is a store: docs/format.md. */
const marker = object({
  state: z.enum(["believed", "doubted", "absent", "denied"]).describe("`doubted`: it is there and its signature does not hold"),
  store: text.nullable().describe("the store's id, where the marker is believed"),
  createdAt: text.nullable().describe("when the store was made, where the marker is believed"),
  known: text.nullable().describe("the id of the store that this host knows there"),
  mustExist: z.boolean().describe("as the configuration has it"),
});

/** A field is null where flags left its check out, or it needs a configuration and there is none. */
export const doctorDocument = object({
  store: z
    .array(
      object({
        name: text.describe("`store`, or `replica NAME`"),
        location: text.describe("where it is"),
        facts: z.discriminatedUnion("kind", [bucket, folder]).nullable().describe("null where nothing was learned"),
        marker: marker.nullable().describe("null where the facts are"),
      }),
    )
    .nullable()
    .describe("the store and each replica; `--store`"),
  keys: z
    .array(
      object({
        name: text.describe("`keys`, or `replica NAME` for the wrapping key in KMS of a replica"),
        location: text.describe("where they are"),
        facts: keyFacts.nullable().describe("null where nothing was learned"),
      }),
    )
    .nullable()
    .describe("the keys; `--keys`"),
  permissions: object({
    caller: text.describe("who asks"),
    roles: z
      .array(
        object({
          role: text.describe("of docs/threat-model.md"),
          fits: z.boolean().describe("whether the caller can be it"),
          lacks: z.array(text).describe("powers that the role needs and the caller has not"),
          beyond: z.array(text).describe("powers of the caller that the role has not"),
        }),
      )
      .describe("none where keys or store could not be asked"),
    powers: z
      .record(text, z.enum(["allowed", "denied", "unknown"]))
      .describe(
        "by power: `list`, `list versions`, `list uploads`, `lock` (where `store.lock` is set), `wrap`, `unwrap`, `sign PURPOSE`, and `read`, `put`, `remove` of `snapshots`, `data`, `verified`, `lineage`, `acceptances`, `custody`, `rewraps`, `pins`, `drills`, `catalog`, `verdicts`, `bundles`",
      ),
  })
    .nullable()
    .describe("what the caller may; `--permissions`"),
  clock: z
    .array(
      object({
        name: text.describe("`store`, or `replica NAME`"),
        skewMs: z.number().nullable().describe("how far its clock is ahead of this machine's; null where it does not answer"),
        uncertaintyMs: z.number().nullable().describe("how much that may be off"),
      }),
    )
    .nullable()
    .describe("each store's clock; `--clock`"),
  etcd: z
    .array(documentOf(preflightDocument, "preflight"))
    .nullable()
    .describe("each cluster; all but `cluster`, `ready` and `findings` is empty where it could not be asked at all; `--etcd`"),
  drills: z
    .array(
      object({
        cluster: text.describe("its name"),
        everySeconds: z.int().positive().nullable().describe("`drill.every`; null where nobody asks for drills"),
        lastAt: text.nullable().describe("when the last one began; null where there is none, or nobody asks"),
        passed: z.boolean().nullable().describe("whether it passed; null likewise"),
      }),
    )
    .nullable()
    .describe("rehearsed restores of each cluster; `--drills`"),
  tools: z
    .array(
      object({
        program: text.describe("its name"),
        minor: text.nullable().describe("of etcd, as `3.6`; null for other programs"),
        found: object({ path: text.describe("absolute"), origin, version: text.describe("as it says itself") })
          .nullable()
          .describe("null where there is none"),
        passedOver: z
          .array(object({ path: text.describe("absolute"), origin, reason: text.describe("why") }))
          .describe("programs that do not answer, or are of another minor"),
        neededBy: z.array(text).describe("commands"),
        usedFor: text.describe("what a person does with it"),
      }),
    )
    .nullable()
    .describe("the helper programs; `--tools`"),
  findings: z.array(finding).describe("of all checks that ran"),
});
