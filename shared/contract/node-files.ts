import { z } from "zod";
import { bytes, cluster, count, digest, fault, object, receipt, text, time, unbelieved } from "./parts.ts";

const node = text.describe("the node's name");
const collectedAt = time.describe("when, by the node's clock");

const recipientDocument = object({
  cluster,
  outcome: z.enum(["made", "there"]).describe("`there`: nothing was written"),
  recipient: text.describe("what collect.sh encrypts to: `age1...`"),
  number: z.int().positive().describe("of the intake, from 1"),
  createdAt: time.describe("when it was made"),
  wrappedUnder: z.array(text).describe("the wrapping keys that open its identity"),
  breakGlass: z.array(text).describe("the recipients that open it besides"),
  previous: z.int().positive().nullable().describe("the number of the one that was in use before this run; null where there was none"),
  files: z.array(text).describe("what was written with `--out`; empty without"),
  key: text.describe("of the intake in the store"),
  custody: receipt.nullable().describe("the record of it; null where nothing was written"),
  unbelieved: z.array(fault).describe("what stands above it in the store and is not believed"),
}).meta({ title: "`node-files recipient`" });

const set = {
  cluster,
  node,
  collectedAt,
  ref: text.describe("`CLUSTER/NODE@TIME`, as `show` and `export` take it"),
  bytes: bytes.describe("of the age file"),
  digest: digest.describe("of the age file"),
  key: text.describe("of the document in the store"),
};

const addDocument = object({
  added: z
    .array(
      object({
        ...set,
        files: count.describe("how many are in it"),
        custody: receipt.nullable().describe("the record of it"),
        inbox: text.nullable().describe("what it was taken from; null where a file was given"),
        newer: time.nullable().describe("when the newest set of the node was collected, where that is newer; else null"),
      }),
    )
    .describe("in the order in which they were added"),
  already: count.describe("how many were added before"),
  refused: z
    .array(
      object({
        cluster,
        key: text.describe("of the object in the inbox"),
        ...fault.shape,
        hint: text.nullable().describe("what to do next; null where that is not known"),
      }),
    )
    .describe("what was not taken; of a file that is named on the command line the command fails instead"),
  passedOver: z
    .array(object({ cluster, node, count: count.describe("how many of its oldest") }))
    .describe("where a node has more in the inbox than are read at once"),
}).meta({ title: "`node-files add`" });

const encryptionKeys = z
  .array(object({ kind: text.describe("`aescbc`, `aesgcm` or `secretbox`"), name: text.describe("as values in etcd name it") }))
  .describe("what an EncryptionConfiguration in the set calls its keys");

const listDocument = object({
  sets: z
    .array(
      object({
        ...set,
        addedAt: time.describe("when it was put into the store"),
        files: count.describe("how many are in it"),
        intake: z.int().positive().describe("the number of the intake that opens it"),
        encryptionKeys,
        newest: z.boolean().describe("whether it is the newest of its node"),
      }),
    )
    .describe("by cluster and node, of each the newest first"),
  unbelieved: z.array(unbelieved).describe("what stands in the place of a set's document and is not believed"),
}).meta({ title: "`node-files ls`" });

const showDocument = object({
  ...set,
  addedAt: time.describe("when it was put into the store"),
  intake: z.int().positive().describe("the number of the intake that opens it"),
  dataKey: text.describe("of the age file in the store"),
  tar: object({ bytes: bytes.describe("of the plaintext"), entries: count.describe("folders and the first entry among them") }).describe(
    "what is in the age file",
  ),
  files: z
    .array(
      object({
        path: text.describe("as on the node"),
        bytes: bytes.describe("of the file"),
        mode: text.describe("permission bits in octal"),
      }),
    )
    .describe("every file, and no content"),
  encryptionKeys,
  inbox: text.nullable().describe("what it was taken from; null where a file was given"),
  custody: receipt.nullable().describe("the record of it"),
  unbelieved: z.array(unbelieved).describe("newer documents that are not believed"),
}).meta({ title: "`node-files show`" });

const exportDocument = object({ ...set, file: text.describe("what was written"), tarBytes: bytes.describe("of it") }).meta({
  title: "`node-files export`",
});

export const nodeFilesDocument = z.union([recipientDocument, addDocument, listDocument, showDocument, exportDocument]);
