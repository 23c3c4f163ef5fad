import { z } from "zod";
import { bytes, finding, object, text } from "./parts.ts";
import { preflightDocument } from "./preflight.ts";

/** What a caller may not read, or the service does not tell, is told as such. */
const unseen = object({ unseen: z.enum(["denied", "unsupported"]), reason: text });
function seen<T extends z.ZodType>(what: T): z.ZodUnion<readonly [T, typeof unseen]> {
  return z.union([what, unseen]);
}

const retention = object({ mode: z.enum(["governance", "compliance"]), days: z.int().positive() });

const bucket = object({
  kind: z.literal("bucket"),
  bucket: text,
  region: text,
  prefix: text,
  endpoint: text.nullable().describe("of an S3-compatible store; null for AWS"),
  namesOwner: z.boolean(),
  ownLock: retention.nullable(),
  versioning: seen(z.enum(["enabled", "suspended", "off"])),
  objectLock: seen(object({ retention: retention.nullable() }).nullable()),
  publicAccessBlock: seen(z.array(text)),
  policy: seen(text.nullable()),
  lifecycle: seen(
    z.array(
      object({
        id: text,
        prefix: text,
        isNarrowed: z.boolean(),
        abortsUploadsAfterDays: z.int().nullable(),
        removes: z.array(z.enum(["objects", "versions"])),
        movesTo: z.array(text),
      }),
    ),
  ),
  encryption: seen(object({ algorithm: text, key: text.nullable() }).nullable()),
  ownership: seen(text.nullable()),
});

const folder = object({
  kind: z.literal("folder"),
  path: text,
  mode: z.int().nullable().describe("permission bits; null where there is no folder yet"),
  isWritable: z.boolean(),
  freeBytes: bytes,
  isInMemory: z.boolean(),
});

const use = z.enum(["wrap", "snapshot", "audit", "bundle"]);
const half = object({ file: text, state: text.describe("`here`, `not here` or the code of an error") });

const keyFacts = z.discriminatedUnion("kind", [
  object({
    kind: z.literal("kms"),
    region: text,
    keys: z.array(
      object({
        use,
        setting: text,
        id: text,
        arn: seen(text),
        spec: seen(text),
        usage: seen(text),
        state: seen(text),
        rotates: seen(z.boolean()).nullable().describe("of the wrapping key"),
        fingerprint: seen(text).nullable().describe("of signing keys"),
        error: text.nullable().describe("a code"),
      }),
    ),
  }),
  object({
    kind: z.literal("local"),
    folder: text,
    mode: z.int().nullable(),
    keys: z.array(object({ use, name: text.nullable(), private: half, public: half })),
  }),
]);

const origin = z.enum(["tools.dir", "package", "checkout", "PATH"]);

/** What says of a place that it is a store: docs/format.md. */
const marker = object({
  state: z.enum(["believed", "doubted", "absent", "denied"]),
  store: text.nullable().describe("the store's id, where the marker is believed"),
  createdAt: text.nullable(),
  known: text.nullable().describe("the id of the store that this host knows there"),
  mustExist: z.boolean(),
});

/** A field is null where flags left its check out, or it needs a configuration and there is none. */
export const doctorDocument = object({
  store: z
    .array(
      object({
        name: text,
        location: text,
        facts: z.discriminatedUnion("kind", [bucket, folder]).nullable(),
        marker: marker.nullable().describe("null where the facts are"),
      }),
    )
    .nullable(),
  keys: z.array(object({ name: text, location: text, facts: keyFacts.nullable() })).nullable(),
  permissions: object({
    caller: text,
    roles: z.array(object({ role: text, fits: z.boolean(), lacks: z.array(text), beyond: z.array(text) })),
    powers: z.record(text, z.enum(["allowed", "denied", "unknown"])),
  }).nullable(),
  clock: z.array(object({ name: text, skewMs: z.number().nullable(), uncertaintyMs: z.number().nullable() })).nullable(),
  etcd: z.array(preflightDocument).nullable().describe("the document of `lifeboat preflight` of each cluster"),
  tools: z
    .array(
      object({
        program: text,
        minor: text.nullable(),
        found: object({ path: text, origin, version: text }).nullable(),
        passedOver: z.array(object({ path: text, origin, reason: text })),
        neededBy: z.array(text),
        usedFor: text,
      }),
    )
    .nullable(),
  findings: z.array(finding),
});
