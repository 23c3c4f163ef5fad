import { expect, test } from "vitest";
import { UserKeyHash } from "../../shared/snapshot/user-key-hash.ts";
import { saying } from "../support/matchers.ts";
import { boltFile, keyValue, metaPage, PAGE_BYTES, revisionKey, sealMeta } from "./support/bolt-file.ts";
import type { BoltOptions, Entry } from "./support/bolt-file.ts";
import { facts, faultyScan, scanned, wholeScan } from "./support/scanned.ts";

const put = (main: number, name: string, value = "v"): Entry => ({
  key: revisionKey(main),
  value: keyValue(Buffer.from(name), Buffer.from(value)),
});
const text = (key: string, value: string): Entry => ({ key: Buffer.from(key), value: Buffer.from(value) });
const entries = Array.from({ length: 40 }, (_, index) => put(index + 2, `/registry/${index % 7}`, "v".repeat(index * 20)));
const start = (page: number): number => page * PAGE_BYTES;

/** Lies in both meta pages, with checksums that are right. */
function withMetas(bytes: Buffer, field: number, value: number): Buffer {
  for (const at of [0, PAGE_BYTES]) {
    bytes.writeUInt32LE(value, at + field);
    sealMeta(bytes, at);
  }
  return bytes;
}

test.each([512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])("pages of %i bytes are read like any others", (pageBytes) => {
  const plain = wholeScan(boltFile(entries).bytes);
  const { bytes } = boltFile(entries, { pageBytes });
  const scan = wholeScan(bytes, [7001]);
  expect(scan).toMatchObject({ pageSize: pageBytes, hash: plain.hash, keys: plain.keys, databaseBytes: bytes.length });
  expect(scan.hashKv(30, 20)).toEqual(plain.hashKv(30, 20));
});

test.each<[string, RegExp, (bytes: Buffer) => Buffer]>([
  [
    "two page sizes",
    /^the meta pages name two page sizes, 8192 and 4096$/,
    (bytes) => {
      const pages = 4;
      bytes.set(metaPage(0, { root: 2, pages, txid: 9, pageBytes: 8192 }).subarray(0, 80));
      bytes.set(metaPage(1, { root: 2, pages, txid: 8 }).subarray(0, 80), 8192);
      return bytes;
    },
  ],
  ["a page size of 13", /^a meta page names pages of 13 bytes$/, (bytes) => withMetas(bytes, 24, 13)],
  ["a page size of 128 KiB", /^a meta page names pages of 131072 bytes$/, (bytes) => withMetas(bytes, 24, 131_072)],
  ["a meta page of another number", /^page 1 is not marked as meta page 1$/, (bytes) => bytes.fill(7, PAGE_BYTES, PAGE_BYTES + 8)],
  ["a meta page that is called a leaf", /^page 0 is not marked as meta page 0$/, (bytes) => bytes.fill(2, 8, 9)],
])("%s is a finding", (_, message, lie) => {
  const result = faultyScan(lie(boltFile(entries).bytes));
  expect(result.tree).toBe("tree/meta");
  expect(result.message).toMatch(message);
});

test("a stored list of free pages is read, and what it says is held against the tree", () => {
  const stale = [Buffer.alloc(PAGE_BYTES), Buffer.alloc(PAGE_BYTES)];
  const of = (free: readonly number[]): Buffer => boltFile(entries, { stale, free }).bytes;
  const whole = wholeScan(of([4, 5]));
  expect(whole).toMatchObject({ freeBytes: 2 * PAGE_BYTES, hash: wholeScan(boltFile(entries).bytes).hash });
  expect(faultyScan(of([4, 6]))).toMatchObject({ tree: "tree/overlap", message: saying("page 6 is listed as free but is in use") });
  expect(faultyScan(of([4, 4]))).toMatchObject({ tree: "tree/overlap", message: saying("page 4 is listed as free but is in use") });
  expect(faultyScan(of([4, 5000]))).toMatchObject({ tree: "tree/page", message: "page 5000 is listed as free but is not in the database" });
  expect(faultyScan(of([5]))).toMatchObject({ tree: "tree/page", message: "page 4 is neither in use nor listed as free" });
  const bytes = of([4, 5]);
  const list = bytes.length - PAGE_BYTES;
  bytes.writeUInt16LE(511, list + 10);
  expect(faultyScan(bytes)).toMatchObject({ tree: "tree/elements", message: "the list of free pages is longer than its page" });
  // The count stands in the first place, and is as long as numbers can be.
  bytes.writeUInt16LE(0xffff, list + 10);
  bytes.fill(0xff, list + 16, list + 24);
  expect(faultyScan(bytes)).toMatchObject({ tree: "tree/elements", message: "the list of free pages is longer than its page" });
  bytes.writeBigUInt64LE(2n, list + 16);
  bytes.writeBigUInt64LE(4n, list + 24);
  bytes.writeBigUInt64LE(5n, list + 32);
  expect(facts(scanned(bytes))).toEqual(facts(whole));
  bytes.writeUInt16LE(2, list + 8);
  expect(faultyScan(bytes)).toMatchObject({ tree: "tree/page", message: saying("is not the list of free pages") });
});

test("branches that hang from each other end at a depth", () => {
  const levels = 70;
  const { bytes, leaves } = boltFile([put(2, "a")], { stale: Array.from({ length: levels }, () => Buffer.alloc(PAGE_BYTES)) });
  for (let level = 0; level < levels; level++) {
    const page = 4 + level;
    bytes.copyWithin(start(page), start(3), start(4));
    bytes.writeUInt32LE(page, start(page));
    bytes.writeUInt32LE(level + 1 === levels ? (leaves[0] ?? 0) : page + 1, start(page) + 24);
  }
  bytes.writeUInt32LE(4, start(3) + 24);
  expect(faultyScan(bytes)).toMatchObject({ tree: "tree/depth", message: "page 67 lies 64 levels below its root" });
});

test.each<[string, string, BoltOptions]>([
  [
    "a bucket that an object has by nature",
    "",
    {
      inline: [
        { name: "__proto__", entries: [text("a", "b")] },
        { name: "constructor", entries: [] },
      ],
    },
  ],
  ["two buckets of one name", "the keys of page 2 are not in ascending order", { inline: [{ name: "meta", entries: [] }] }],
  [
    "a name past bbolt's limit",
    "a bucket's name has 32769 bytes",
    { pageBytes: 65_536, inline: [{ name: "n".repeat(32_769), entries: [] }] },
  ],
  [
    "more buckets than anybody has",
    "it has more than 1000 buckets",
    { pageBytes: 65_536, inline: Array.from({ length: 1000 }, (_, index) => ({ name: `b${index}`, entries: [] })) },
  ],
  [
    "keys that do not ascend inside a bucket",
    'the keys inside bucket "a" are not in ascending order',
    { inline: [{ name: "a", entries: [text("b", ""), text("a", "")] }] },
  ],
  [
    "a member that is no JSON",
    "the entry of member a1 in bucket members is not JSON",
    { inline: [{ name: "members", entries: [text("a1", "{")] }] },
  ],
  [
    "a member that is none",
    "the entry of member a1 in bucket members does not describe a member",
    { inline: [{ name: "members", entries: [text("a1", '{"name":1}')] }] },
  ],
  [
    "a member without an id",
    "an entry of bucket members is not named by a member's id",
    { inline: [{ name: "members", entries: [text("01", "{}")] }] },
  ],
  [
    "a member as long as a book",
    "an entry of bucket members has more than 65536 bytes",
    { paged: [{ name: "members", entries: [text("a1", `"${"x".repeat(70_000)}"`)] }] },
  ],
  [
    "more removed members than there can be",
    "bucket members_removed has more than 10000 entries",
    {
      paged: [{ name: "members_removed", entries: Array.from({ length: 10_001 }, (_, index) => text((index + 2 ** 20).toString(16), "")) }],
    },
  ],
  ["an alarm that is none", "an entry of bucket alarm names no alarm", { inline: [{ name: "alarm", entries: [text("\u007f", "")] }] }],
  [
    "a version as long as a line",
    "the value at cluster/clusterVersion is too long for a version",
    { inline: [{ name: "cluster", entries: [text("clusterVersion", "3".repeat(300))] }] },
  ],
  [
    "a compaction that is no revision",
    "finishedCompactRev in bucket meta is no number of 17 bytes that can be",
    { meta: [text("finishedCompactRev", "12345678")] },
  ],
  ["a term past 2^53", "term in bucket meta is no number of 8 bytes that can be", { meta: [text("term", "\u007f2345678")] }],
])("%s", (_, message, options) => {
  const result = scanned(boltFile(entries, options).bytes, [10_007]);
  expect(result.tree === "whole" ? "" : result.message).toBe(message);
});

test("members, alarms and versions are told as they are stored", () => {
  const member = '{"id":10276657743932975437,"peerURLs":["http://10.0.0.1:2380"],"name":"a","clientURLs":["http://10.0.0.1:2379"]}';
  const learner = '{"id":161,"peerURLs":["http://10.0.0.2:2380"],"isLearner":true}';
  const scan = wholeScan(
    boltFile(entries, {
      inline: [
        { name: "members", entries: [text("8e9e05c52164694d", member), text("a1", learner)] },
        { name: "members_removed", entries: [text("ff", "removed")] },
        {
          name: "alarm",
          entries: [
            { key: Buffer.from("08cdd29189d2b8c1cf8e011001", "hex"), value: Buffer.alloc(0) },
            { key: Buffer.from("08a1011009", "hex"), value: Buffer.alloc(0) },
          ].toSorted((a, b) => Buffer.compare(a.key, b.key)),
        },
        { name: "cluster", entries: [text("clusterVersion", "3.6.0")] },
      ],
    }).bytes,
  );
  expect(scan.members).toEqual([
    { id: "8e9e05c52164694d", name: "a", peerUrls: ["http://10.0.0.1:2380"], clientUrls: ["http://10.0.0.1:2379"], isLearner: false },
    { id: "a1", name: "", peerUrls: ["http://10.0.0.2:2380"], clientUrls: [], isLearner: true },
  ]);
  expect(scan).toMatchObject({ removedMemberIds: ["ff"], clusterVersion: "3.6.0" });
  expect(scan.alarms.map(({ alarm }) => alarm).toSorted()).toEqual(["NOSPACE", "type 9"]);
});

test("a page that overflows further than any value can is a finding, and nothing is held for it", () => {
  const pages = 17_000;
  const bytes = Buffer.alloc(pages * PAGE_BYTES);
  boltFile(entries).bytes.copy(bytes);
  bytes.writeUInt32LE(16_384, start(3) + 12);
  expect(faultyScan(withMetas(bytes, 56, pages), [1 << 20])).toMatchObject({
    tree: "tree/limit",
    message: "page 3 has a longer overflow than this reader follows",
  });
});

test("more copies than are kept are a finding", () => {
  const pages = 18_500;
  const bytes = Buffer.alloc(pages * PAGE_BYTES);
  const leaf = Buffer.alloc(PAGE_BYTES);
  leaf.writeUInt16LE(2, 8);
  leaf.writeUInt16LE(1, 10);
  leaf.writeUInt32LE(16, 20);
  leaf.writeUInt32LE(PAGE_BYTES - 32, 28);
  for (let page = 2; page < pages; page++) {
    leaf.writeUInt32LE(page, 0);
    bytes.set(leaf, start(page));
  }
  for (const id of [0, 1]) bytes.set(metaPage(id, { root: pages - 1, pages, txid: 9 }), start(id));
  expect(faultyScan(bytes, [1 << 22])).toMatchObject({
    tree: "tree/limit",
    message: `page ${pages - 1} is beyond the number of pages that this reader keeps`,
  });
});

test("user keys that were made to collide cost no square of time, and what they hide is not guessed", () => {
  const hash = new UserKeyHash();
  const colliding: Entry[] = [];
  for (let number = 0; colliding.length < 400; number++) {
    const name = Buffer.from(`/registry/${number}`);
    hash.of(name, 0, name.length);
    // All to the same slot of the 1024 that there are for 400 keys.
    if ((hash.low & 1023) === 5) colliding.push(put(colliding.length + 2, name.toString()));
  }
  const scan = wholeScan(boltFile(colliding).bytes);
  expect(scan.keys).toEqual({ revisions: 400, live: undefined });
  expect(scan.hashKv(401, 100)).toEqual({ unavailable: "the hashes of the snapshot's user keys collide more often than chance allows" });
  // Without a compaction every entry counts, and none has to be found.
  expect("hash" in scan.hashKv()).toBe(true);
  expect(facts(scan)).toMatchObject({ encryption: undefined });
});
