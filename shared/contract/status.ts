import { z } from "zod";
import { bytes, count, member, object, revision, text } from "./parts.ts";

const tally = {
  keys: object({ revisions: count.describe("entries"), live: count.describe("user keys that are there at the last revision") }).describe(
    "how many",
  ),
  bytes: bytes.describe("of all entries"),
  liveBytes: bytes.describe("of live ones"),
};

/** All but the first five is null where the tree is not whole. */
export const statusDocument = object({
  name: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  bytes: bytes.describe("all that was read, the trailer included"),
  trailer: z
    .enum(["ok", "wrong", "missing"])
    .describe(
      "`wrong`: the last 32 bytes are not the SHA-256 of what comes before them; `missing`: the length leaves no room for one, as that of a member's database does",
    ),
  tree: text.describe(
    "`whole`, or the code of the first finding: `tree/empty`, `tree/meta`, `tree/length`, `tree/page`, `tree/elements`, `tree/overlap`, `tree/order`, `tree/depth`, `tree/bucket`, `tree/entry`, or `tree/limit` (more than lifeboat takes on)",
  ),
  finding: text.nullable().describe("the finding in words; null where the tree is whole"),
  hash: z.int().nullable().describe("as `etcdutl snapshot status -w json` gives it; the text has it in hex too, as etcdutl's own text"),
  revision: revision.nullable().describe("the last one, as etcdutl gives it"),
  size: bytes.nullable().describe("of the database, etcdutl's `totalSize`"),
  sizeInUse: bytes.nullable().describe("bytes of pages that the tree reaches"),
  sizeFree: bytes.nullable().describe("the rest of `size`"),
  version: text.nullable().describe("of the storage, as etcdutl gives it; null before etcd 3.6"),
  keys: object({
    revisions: count.describe("entries of bucket `key`"),
    live: count
      .nullable()
      .describe("user keys that are there at the last revision (etcdutl's `totalKey` from 3.6 on); null past 20 million entries"),
  })
    .nullable()
    .describe("how many"),
  hashKv: object({
    hash: z
      .int()
      .nullable()
      .describe("as a member at `revision` that is compacted to `compactRevision` answers; null where it is not known"),
    revision: revision.describe("the last one"),
    compactRevision: z.int().min(-1).describe("-1: never compacted"),
    unavailable: text.nullable().describe("why the hash is not known, or null"),
  })
    .nullable()
    .describe("etcd's hash of keys and values"),
  buckets: z
    .array(object({ name: text.describe("etcd's"), keys: count.describe("entries"), bytes: bytes.describe("of keys and values") }))
    .nullable()
    .describe("in order; the sum of `keys` is etcdutl 3.5's `totalKey`"),
  compaction: object({
    finished: revision.nullable().describe("null where there was none"),
    scheduled: revision.nullable().describe("ahead of `finished` while one is under way"),
  })
    .nullable()
    .describe("revisions that were compacted to"),
  pageSize: bytes.nullable().describe("of the database file"),
  validMetaPages: count.nullable().describe("2, or 1 where one of the two is damaged; etcd uses the other"),
  consistentIndex: count.nullable().describe("of raft; null where it is not stored"),
  term: count.nullable().describe("of raft; null where it is not stored (before etcd 3.5)"),
  clusterVersion: text.nullable().describe("as stored"),
  auth: z.boolean().nullable().describe("whether it is on"),
  members: z.array(member).nullable().describe("as stored; a restore puts others in their place"),
  removedMembers: z.array(text).nullable().describe("ids, in hexadecimal"),
  alarms: z
    .array(object({ memberId: text.describe("in hexadecimal"), alarm: text.describe("such as `NOSPACE`") }))
    .nullable()
    .describe("as stored; a restore brings them back"),
  encryption: z
    .array(
      object({
        provider: text.describe("of Kubernetes, such as `aescbc`"),
        keyName: text.describe("as its configuration names it"),
        revisions: count.describe("entries"),
        live: count.describe("user keys that are there at the last revision"),
      }),
    )
    .nullable()
    .describe("of values that Kubernetes encrypted"),
  resources: z
    .array(
      object({
        resource: text
          .nullable()
          .describe("as kubectl names it (`pods`, `certificates.cert-manager.io`); null for keys that are none of Kubernetes'"),
        ...tally,
      }),
    )
    .nullable()
    .describe("of Kubernetes, most bytes first"),
  prefixes: z
    .array(object({ prefix: text.describe("a user key as far as its last slash, at the fifth one at most"), ...tally }))
    .nullable()
    .describe("the 15 of most bytes"),
  prefixesShortened: z
    .boolean()
    .nullable()
    .describe("whether there were more than 100,000 prefixes, so that some were shortened to their resource"),
  largestObjects: z
    .array(
      object({
        key: text.describe("the user key"),
        bytes: bytes.describe("revision, key, value and what etcd adds"),
        valueBytes: bytes.describe("of the value"),
        modRevision: revision.describe("when it was last written"),
      }),
    )
    .nullable()
    .describe("the 10 live entries of most bytes"),
  hotKeys: z
    .array(
      object({
        key: text.describe("the user key"),
        revisions: count.describe("how many it has"),
        modRevision: revision.describe("of the newest"),
        deleted: z.boolean().describe("whether it is gone at the last revision"),
      }),
    )
    .nullable()
    .describe("the 10 user keys with most revisions, at least two"),
});
