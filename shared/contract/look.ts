import { z } from "zod";
import { bytes, count, object, revision, text } from "./parts.ts";

/** The documents of commands that look inside a snapshot. */

export const keyFields = {
  key: text.describe("the user key as text; where it is no UTF-8, bytes past ASCII are `\\xNN`"),
  keyHex: text.describe("the same, byte by byte in hexadecimal"),
  resource: text
    .nullable()
    .describe(
      "as kubectl names it, with the group where the key has one (`pods`, `certificates.cert-manager.io`); null for a key that is none of Kubernetes'",
    ),
  namespace: text.nullable().describe("of the object; null where it has none"),
  name: text.nullable().describe("of the object; null for a key that is none of Kubernetes'"),
};

const kinds = {
  added: count.describe("keys that are only in `after`"),
  removed: count.describe("keys that are only in `before`"),
  changed: count.describe("keys whose value is another one"),
  rewritten: count.describe("keys that were written again with the same value"),
};

export const diffDocument = object({
  before: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  after: text.describe("the same, or `live`"),
  changes: z
    .array(
      object({
        change: z
          .enum(["added", "removed", "changed", "rewritten"])
          .describe("`rewritten`: written again, with a value of the same length and CRC-32C"),
        ...keyFields,
        modRevisionBefore: revision.nullable().describe("when it was last written in `before`; null where it is not in it"),
        modRevisionAfter: revision.nullable().describe("the same in `after`"),
        deletedAtRevision: revision
          .nullable()
          .describe("when it was deleted, where it is `removed` and `after` still knows: etcd forgets it with the next compaction"),
      }),
    )
    .describe("in the order of keys, if they could be kept"),
  counts: object(kinds).describe("of all changes"),
  same: count.describe("keys that did not change"),
  resources: z
    .array(
      object({
        resource: text.nullable().describe("as kubectl names it; null for keys that are none of Kubernetes'"),
        ...kinds,
      }),
    )
    .describe("the same by resource, most changes first"),
}).meta({ title: "`diff <before> <after>`" });

export const diffObjectDocument = object({
  before: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  after: text.describe("the same, or `live`"),
  change: z
    .enum(["added", "removed", "changed", "rewritten", "same"])
    .describe("of the value as it is stored; `rewritten`: written again with the same bytes"),
  ...keyFields,
  modRevisionBefore: revision.nullable().describe("when it was last written in `before`; null where it is not in it"),
  modRevisionAfter: revision.nullable().describe("the same in `after`"),
  byBefore: z
    .enum(["whole", "index", "live"])
    .nullable()
    .describe(
      "how it was found in `before`: `whole`: all of the snapshot was read and proven; `index`: the entry alone, by the index of its verification; null where it is not in it",
    ),
  byAfter: z.enum(["whole", "index", "live"]).nullable().describe("the same in `after`; `live`: the cluster was asked for it"),
  valueBytesBefore: bytes.nullable().describe("of the value in `before`, as it is stored; null where it is not in it"),
  valueBytesAfter: bytes.nullable().describe("the same in `after`"),
  form: z
    .enum(["yaml", "text"])
    .nullable()
    .describe("what `diff` is of: objects in YAML, or values that are text; null where they are neither, or may not be shown"),
  diff: text.nullable().describe("the hunks of a unified diff; empty where nothing that is shown differs, null where `form` is"),
  notReadBefore: text
    .nullable()
    .describe("why the value in `before` is not shown as an object: the end of a sentence that begins with the key"),
  notReadAfter: text.nullable().describe("the same in `after`"),
  redacted: z.boolean().describe("whether a Secret's data was left out: always, without `--reveal`"),
  onlyManagedFields: z
    .boolean()
    .describe("whether the objects differ in `metadata.managedFields` alone, which `diff` has only with `--show-managed-fields`"),
  warnings: z.array(text).describe("what the values should not be trusted for: ends of sentences that begin with the key"),
}).meta({ title: "`diff <before> <after> --object`" });

const effects = {
  lost: count.describe("what was made since, and would be gone"),
  revived: count.describe("what was deleted since, and would be there again"),
  reverted: count.describe("what was changed since, and would be as it was"),
};

export const impactDocument = object({
  snapshot: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  cluster: text.describe("the live cluster's name"),
  endpoint: text.describe("the member that was asked"),
  counts: object(effects).describe("of all keys"),
  outside: z
    .array(
      object({
        effect: z.enum(["lost", "revived", "reverted"]).describe("what going back does to it"),
        ...keyFields,
        meaning: text.describe("what that means for what it stands for"),
      }),
    )
    .describe("objects that stand for something outside the cluster: volumes, load balancers, nodes, certificates"),
  resources: z
    .array(
      object({
        resource: text.nullable().describe("as kubectl names it; null for keys that are none of Kubernetes'"),
        ...effects,
        ownsOutside: z.boolean().describe("whether any of them is in `outside`"),
      }),
    )
    .describe("the same by resource: those that own something outside first, then most first"),
});

const objectNote = object({ key: text.describe("the user key"), text: text.describe("the end of a sentence that begins with the key") });

export const getDocument = object({
  snapshot: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  ...keyFields,
  modRevision: revision.describe("when it was last written"),
  by: z
    .enum(["whole", "index"])
    .describe("`whole`: all of the snapshot was read and proven; `index`: the entry alone, found by the index of its verification"),
  value: text.nullable().describe("byte by byte as it is stored, in Base64; null where it is a Secret's and standard output is a terminal"),
  object: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe("the Kubernetes object in it, as the API server answers it; null where there is none, or it could not be read"),
  notRead: text.nullable().describe("why there is no `object`: the end of a sentence that begins with the key"),
  redacted: z.boolean().describe("whether a Secret's data was left out: on a terminal without `--reveal`"),
  warnings: z
    .array(text)
    .describe("what the object should not be trusted for, and of `--clean` what else went: ends of sentences that begin with the key"),
}).meta({ title: "`get <ref> KEY`" });

export const getAllDocument = object({
  snapshot: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  namespace: text.describe("whose objects they are"),
  folder: text.describe("where they are"),
  objects: count.describe("files of objects"),
  secrets: count.describe("those of them that are Secrets"),
  made: z.array(objectNote).describe("what was left out, and who makes it anew"),
  raw: z.array(objectNote).describe("what could not be read, and is there as it is stored"),
  warnings: z.array(objectNote).describe("what objects should not be trusted for, and of `--clean` what else went"),
}).meta({ title: "`get <ref> --all`" });

export const findDocument = z.array(
  object({
    ...keyFields,
    kind: text.nullable().describe("as the value itself says it (`Pod`); null for what is encrypted, or no object in protobuf or JSON"),
    apiVersion: text.nullable().describe("that it is stored in (`v1`, `apps/v1`); null as `kind`"),
    modRevision: revision.describe("when it was last written; with `--deleted` when it was deleted"),
    valueBytes: bytes.describe("of the value as it is stored"),
  }),
);
