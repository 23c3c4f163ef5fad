import { z } from "zod";
import { knownOrUnknown } from "../unknown-values.ts";
import { LINEAGE_REASONS } from "../documents/lineage.ts";

/**
 * What several documents of `--json` have in common. Every field is always there, and null where there is nothing. What a field means is said by `.describe()`: the tables of docs/cli.md are
 * made of it (npm run docs).
 */

/** An object of a document: no field that is not described, and none left out. */
export const object = z.strictObject;

export const text = z.string();
export const count = z.int().nonnegative();
export const bytes = z.int().nonnegative();
/** A revision of etcd; 0 where there is none. */
export const revision = z.int().nonnegative();
export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
export const time = z.iso.datetime();
export const ref = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}\/\d{8}T\d{6}Z(-[1-9]\d{0,3})?$/)
  .describe("`CLUSTER/ID`");
export const cluster = z.string().describe("the cluster's name");
export const labels = z.record(z.string(), z.string()).describe("by name, as the configuration has them; `{}` where it has none");

/** What is wrong with one thing of many. */
export const fault = object({ code: text.describe("stable, such as `verify/signature`"), message: text.describe("a sentence") });

/** Whether a snapshot is good. */
export const goodness = {
  good: z.boolean().describe("whether the snapshot is [good](#refs)"),
  lacks: z.array(text).describe("why it is not good, a sentence each; empty where it is"),
};

/** Whether a snapshot is pinned. */
export const pinning = {
  pinned: z
    .boolean()
    .nullable()
    .describe("whether a person [pinned](#lifeboat-pin) it; null where that is not known, and then it is kept as if it were"),
  pin: object({
    number: z.int().positive().describe("in its key, from 1"),
    pinned: z.boolean().describe("false where it ends a pin"),
    by: text.describe("who did so, as they named themselves"),
    at: time.describe("when"),
    reason: text.describe("what that person said"),
    fingerprint: digest.describe("of the key that signed it"),
  })
    .nullable()
    .describe("the newest pin or unpin that is believed; null where nobody pinned it"),
};

/** A member as etcd lists it. */
export const member = object({
  id: text.describe("in hexadecimal"),
  name: text.describe("empty where it never started"),
  peerUrls: z.array(text).describe("for other members"),
  clientUrls: z.array(text).describe("for clients"),
  isLearner: z.boolean().describe("whether it has no vote yet"),
});

/** A record of the custody log. */
export const receipt = object({
  sequence: z.int().positive().describe("its number in the log, from 1"),
  digest: digest.describe("of the record as it is stored"),
});

const attentionFields = {
  number: z.int().positive().describe("of the lineage"),
  reason: knownOrUnknown(LINEAGE_REASONS).describe("why it was opened"),
  message: text.describe("a sentence"),
  since: time.describe("when it was opened"),
};

/** A lineage that waits for a person to accept it. */
export const lineageAttention = object(attentionFields)
  .nullable()
  .describe("why the cluster's lineage waits for a person; null where it does not");

/** The same in a list over clusters. */
export const clusterAttention = object({ cluster: cluster.describe("whose lineage it is"), ...attentionFields });

/** The same of the lineage of one snapshot. */
export const snapshotAttention = object({
  ...attentionFields,
  lastAccepted: object({
    lineage: z.int().positive().describe("its number"),
    ref: ref.nullable().describe("its newest snapshot; null where that is not known"),
  })
    .nullable()
    .describe("the last lineage before it that a person accepted"),
})
  .nullable()
  .describe("why the snapshot's lineage waits for a person; null where it does not");

/** What a look at a cluster, or at what lifeboat relies on, found. */
export const finding = object({
  code: text.describe("stable"),
  severity: z.enum(["problem", "warning", "info"]).describe("a problem is exit code 6"),
  subject: text.describe("what it is about"),
  message: text.describe("a sentence"),
  fix: text.describe("what to do about it; empty where there is nothing to do"),
});

/** An object of the store that is not believed. */
export const unbelieved = object({ key: text.describe("of the object in the store"), ...fault.shape });

/** A failed command, or a failed part of one. */
export const errorFields = object({
  code: text.describe("stable, such as `etcd/unreachable`"),
  message: text.describe("what went wrong, and with what"),
  hint: text.nullable().describe("what to do next; null where that is not known"),
  exitCode: z.int().describe("of the command: see [exit codes](#exit-codes)"),
});

/** A part of what was signed: docs/format.md describes it, and the tables do not. */
export function signed<T extends z.ZodType>(schema: T): T {
  return schema.meta({ document: "signed" });
}

/** How a document that has a section of its own is named in the tables. */
export function documentOf<T extends z.ZodType>(schema: T, command: string): T {
  return schema.meta({ document: command });
}

/** As what is parsed is handed on: nobody alters it. */
export type ReadOnly<T> = T extends readonly (infer Item)[]
  ? readonly ReadOnly<Item>[]
  : T extends object
    ? { readonly [Field in keyof T]: ReadOnly<T[Field]> }
    : T;
