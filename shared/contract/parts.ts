import { z } from "zod";
import { LINEAGE_REASONS } from "../documents/lineage.ts";

/** What several documents of `--json` have in common. Every field is always there, and null where there is nothing. */

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

/** What is wrong with one thing of many. */
export const fault = object({ code: text.describe("stable, such as `verify/signature`"), message: text });

/** Whether a snapshot is good. */
export const goodness = {
  good: z.boolean(),
  lacks: z.array(text).describe("why it is not good, a sentence each; empty where it is"),
};

/** A record of the custody log. */
export const receipt = object({ sequence: z.int().positive(), digest });

const attentionFields = {
  number: z.int().positive(),
  reason: z.enum(LINEAGE_REASONS),
  message: text.describe("a sentence"),
  since: time.describe("when it was opened"),
};

/** A lineage that waits for a person to accept it. */
export const lineageAttention = object(attentionFields)
  .nullable()
  .describe("why the cluster's lineage waits for a person; null where it does not");

/** The same in a list over clusters. */
export const clusterAttention = object({ cluster, ...attentionFields });

/** The same of the lineage of one snapshot. */
export const snapshotAttention = object({
  ...attentionFields,
  lastAccepted: object({ lineage: z.int().positive(), ref: ref.nullable().describe("its newest snapshot; null where that is not known") })
    .nullable()
    .describe("the last lineage before it that a person accepted"),
})
  .nullable()
  .describe("why the snapshot's lineage waits for a person; null where it does not");

/** What a look at a cluster, or at what lifeboat relies on, found. */
export const finding = object({
  code: text.describe("stable"),
  severity: z.enum(["problem", "warning", "info"]),
  subject: text.describe("what it is about"),
  message: text,
  fix: text.describe("what to do about it; empty where there is nothing to do"),
});

/** An object of the store that is not believed. */
export const unbelieved = object({ key: text.describe("of the object in the store"), ...fault.shape });

/** A failed command, or a failed part of one. */
export const errorFields = object({
  code: text.describe("stable"),
  message: text,
  hint: text.nullable().describe("what to do next"),
  exitCode: z.int(),
});

/** As what is parsed is handed on: nobody alters it. */
export type ReadOnly<T> = T extends readonly (infer Item)[]
  ? readonly ReadOnly<Item>[]
  : T extends object
    ? { readonly [Field in keyof T]: ReadOnly<T[Field]> }
    : T;
