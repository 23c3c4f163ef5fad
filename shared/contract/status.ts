import { z } from "zod";
import { bytes, count, object, revision, text } from "./parts.ts";

const tally = {
  keys: object({ revisions: count, live: count }),
  bytes: bytes.describe("of all entries"),
  liveBytes: bytes.describe("of live ones"),
};

/** All but the first five is null where the tree is not whole. */
export const statusDocument = object({
  name: text.describe("the file as it was typed, or `CLUSTER/ID`"),
  bytes: bytes.describe("all that was read, the trailer included"),
  trailer: z.enum(["ok", "wrong", "missing"]),
  tree: text.describe("`whole`, or the code of the first finding"),
  finding: text.nullable().describe("in words"),
  hash: z.int().nullable(),
  revision: revision.nullable(),
  size: bytes.nullable(),
  sizeInUse: bytes.nullable(),
  sizeFree: bytes.nullable(),
  version: text.nullable(),
  keys: object({ revisions: count, live: count.nullable() }).nullable(),
  hashKv: object({
    hash: z.int().nullable(),
    revision,
    compactRevision: z.int().min(-1),
    unavailable: text.nullable().describe("why the hash cannot be told"),
  }).nullable(),
  buckets: z.array(object({ name: text, keys: count, bytes })).nullable(),
  compaction: object({ finished: revision.nullable(), scheduled: revision.nullable() }).nullable(),
  pageSize: bytes.nullable(),
  validMetaPages: count.nullable(),
  consistentIndex: count.nullable(),
  term: count.nullable(),
  clusterVersion: text.nullable(),
  auth: z.boolean().nullable(),
  members: z.array(object({ id: text, name: text, peerUrls: z.array(text), clientUrls: z.array(text), isLearner: z.boolean() })).nullable(),
  removedMembers: z.array(text).nullable(),
  alarms: z.array(object({ memberId: text, alarm: text })).nullable(),
  encryption: z.array(object({ provider: text, keyName: text, revisions: count, live: count })).nullable(),
  resources: z.array(object({ resource: text.nullable(), ...tally })).nullable(),
  prefixes: z.array(object({ prefix: text, ...tally })).nullable(),
  prefixesShortened: z.boolean().nullable(),
  largestObjects: z.array(object({ key: text, bytes, valueBytes: bytes, modRevision: revision })).nullable(),
  hotKeys: z.array(object({ key: text, revisions: count, modRevision: revision, deleted: z.boolean() })).nullable(),
});
