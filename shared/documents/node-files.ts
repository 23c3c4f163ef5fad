import { z } from "zod";
import { knownOrUnknown } from "../unknown-values.ts";
import { isNodeName, nodeFilesDataKey } from "./layout.ts";
import { bytes, custodyReceiptSchema, digest, head, instant, signerSchema, snapshotId, tool } from "./parts.ts";

/** A file as it was on the node. Nothing here is made of its content: a digest of a short secret can be guessed from. */
const fileSchema = z.looseObject({
  /** As on the node: `/etc/kubernetes/pki/ca.crt`. */
  path: z.string().startsWith("/"),
  bytes,
  /** Permission bits, in octal: `0600`. */
  mode: z.string().regex(/^0[0-7]{3}$/, "expected permission bits in octal, such as 0600"),
});

/** A set of a node's files, encrypted on the node: docs/format.md, "Node files". */
export const nodeFilesSchema = z
  .looseObject({
    type: z.literal("node-files"),
    ...head,
    node: z.string().refine(isNodeName, "expected the name of a node"),
    /** Its name: when the files were collected, to the second, by the node's clock. */
    id: snapshotId,
    collectedAt: instant,
    /** When somebody opened the set, found it as it should be, and put it here. */
    addedAt: instant,
    /** The number of the intake identity that opens it. */
    intake: z.int().positive(),
    /** The age file, as the node made it. */
    data: z.looseObject({ key: z.string().min(1), digest, bytes, version: z.string().min(1).optional() }),
    /** What it holds: a tar of so many bytes, with so many entries, folders among them. */
    tar: z.looseObject({ bytes, entries: z.int().positive() }),
    /** In the order of the tar. */
    files: z.array(fileSchema),
    /** What an EncryptionConfiguration in the set calls its keys: never what they are. */
    encryptionKeys: z.array(z.looseObject({ kind: knownOrUnknown(["aescbc", "aesgcm", "secretbox"]), name: z.string().min(1) })),
    /** The object that it was taken from, as the store listed it; absent where a person gave a file. */
    inbox: z.looseObject({ key: z.string().min(1), bytes, modified: instant }).optional(),
    tool,
    custody: custodyReceiptSchema.optional(),
    signer: signerSchema,
  })
  // Else a document could have another node's data given to a node, or something removed that is no node's.
  .refine(({ cluster, node, id, data }) => data.key === nodeFilesDataKey(cluster, node, id), {
    path: ["data", "key"],
    message: "it is not the key of this set's own data",
  });

export type NodeFiles = z.infer<typeof nodeFilesSchema>;
