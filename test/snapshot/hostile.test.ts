import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { saying } from "../support/matchers.ts";
import { asSent, flipped } from "../support/snapshots.ts";
import { boltFile, keyValue, metaPage, PAGE_BYTES, revisionKey } from "./support/bolt-file.ts";
import type { BoltFile } from "./support/bolt-file.ts";
import { facts, faultyScan, scanned, wholeScan } from "./support/scanned.ts";

/** Nine revisions in three leaves, the second with a value that overflows. */
function example(): BoltFile {
  return boltFile(
    Array.from({ length: 9 }, (_, index) => ({
      key: revisionKey(index + 2),
      value: keyValue(Buffer.from(`/registry/${index}`), Buffer.alloc(index === 4 ? 9000 : 50, index)),
    })),
  );
}

const { root, branch, leaves } = example();
const [first = 0, second = 0, third = 0] = leaves;
/** Of each value but the fifth: two tags, two lengths, the key and 50 bytes. */
const MESSAGE_BYTES = 1 + 1 + "/registry/0".length + 1 + 1 + 50;
const start = (page: number): number => page * PAGE_BYTES;

/** The example after `edit`. */
function edited(edit: (bytes: Buffer) => void): Buffer {
  const { bytes } = example();
  edit(bytes);
  return bytes;
}

test("the example is whole before anything is done to it", () => {
  expect(wholeScan(example().bytes)).toMatchObject({ tree: "whole", keys: { revisions: 9, live: 9 }, freeBytes: 0 });
});

test.each<[string, string, RegExp, (bytes: Buffer) => void]>([
  ["a child past the end", "tree/page", /^page 99 is referenced, but/, (bytes) => bytes.writeUInt32LE(99, start(branch) + 16 + 8)],
  ["a child past 2^53", "tree/page", /^page \d+ is referenced, but/, (bytes) => bytes.writeUInt32LE(0xffffffff, start(branch) + 16 + 12)],
  ["a child that is a meta page", "tree/page", /^page 1 is referenced/, (bytes) => bytes.writeUInt32LE(1, start(branch) + 16 + 8)],
  [
    "a branch that is its own child",
    "tree/overlap",
    /^page 3 is reached twice$/,
    (bytes) => bytes.writeUInt32LE(branch, start(branch) + 16 + 8),
  ],
  ["a child that is the root", "tree/overlap", /^page 2 is reached twice$/, (bytes) => bytes.writeUInt32LE(root, start(branch) + 16 + 8)],
  ["two children that are one", "tree/overlap", /^page 4 is reached twice$/, (bytes) => bytes.writeUInt32LE(first, start(branch) + 32 + 8)],
  [
    "a child in another's overflow",
    "tree/page",
    /^page 6 is referenced, but is not the branch or leaf page/,
    (bytes) => bytes.writeUInt32LE(second + 1, start(branch) + 32 + 8),
  ],
  ["overflow over the next leaf", "tree/overlap", /is reached twice$/, (bytes) => bytes.writeUInt32LE(3, start(second) + 12)],
  [
    "overflow past the end",
    "tree/page",
    /claims overflow past the end of the database$/,
    (bytes) => bytes.writeUInt32LE(0xffffffff, start(second) + 12),
  ],
  ["too little overflow", "tree/elements", /^page 5 has elements outside of it/, (bytes) => bytes.writeUInt32LE(0, start(second) + 12)],
  [
    "a wrong page number",
    "tree/page",
    /^page 4 is referenced, but is not the branch or leaf page/,
    (bytes) => bytes.writeUInt32LE(7, start(first)),
  ],
  ["a leaf that is called free", "tree/page", /^page 4 is referenced/, (bytes) => bytes.writeUInt16LE(16, start(first) + 8)],
  ["a leaf that is called a branch", "tree/elements", /^page 4 has elements/, (bytes) => bytes.writeUInt16LE(1, start(first) + 8)],
  ["more elements than fit", "tree/elements", /^page 4 has elements/, (bytes) => bytes.writeUInt16LE(0xffff, start(first) + 10)],
  ["fewer elements than there are", "tree/elements", /^page 4 has elements/, (bytes) => bytes.writeUInt16LE(2, start(first) + 10)],
  ["a branch without children", "tree/elements", /^page 3 has elements/, (bytes) => bytes.writeUInt16LE(0, start(branch) + 10)],
  ["an element far outside", "tree/elements", /^page 4 has elements/, (bytes) => bytes.writeUInt32LE(0xfffffff0, start(first) + 16 + 4)],
  [
    "a value far too long",
    "tree/elements",
    /^page 8 has elements/,
    (bytes) => bytes.writeUInt32LE(0xffffffff, start(third) + 16 + 32 + 12),
  ],
  ["revisions out of order", "tree/order", /^page 4 has keys out of order$/, (bytes) => bytes.writeUInt8(9, start(first) + 16 + 48 + 7)],
  [
    "a revision outside of its parent's",
    "tree/order",
    /^the keys of page 4 are not all within/,
    (bytes) => bytes.writeUInt8(1, start(first) + 16 + 48 + 7),
  ],
  [
    "a revision without its underscore",
    "tree/entry",
    /^an entry of bucket key is not a revision/,
    (bytes) => bytes.writeUInt8(0, start(first) + 16 + 48 + 17 + MESSAGE_BYTES + 8),
  ],
  [
    "a value that is no message",
    "tree/entry",
    /^an entry of bucket key is not a revision/,
    (bytes) => bytes.writeUInt8(0xff, start(first) + 16 + 48 + 18),
  ],
  ["a bucket in a bucket", "tree/bucket", /^bucket "key" holds a bucket/, (bytes) => bytes.writeUInt8(1, start(first) + 16)],
  [
    "no bucket among the buckets",
    "tree/bucket",
    /^"key" stands among the buckets and is none$/,
    (bytes) => bytes.writeUInt8(0, start(root) + 16),
  ],
  [
    "an inline page that is none",
    "tree/bucket",
    /^bucket "meta" has neither/,
    (bytes) => bytes.writeUInt8(9, start(root) + 16 + 32 + 3 + 16 + 4 + 16 + 8),
  ],
  [
    "an inline page with a count",
    "tree/elements",
    /^the page inside bucket "meta"/,
    (bytes) => bytes.writeUInt8(9, start(root) + 16 + 32 + 3 + 16 + 4 + 16 + 10),
  ],
])("%s", (_, code, message, edit) => {
  const bytes = edited(edit);
  const result = faultyScan(bytes);
  expect(result).toMatchObject({ tree: code, bytes: bytes.length });
  expect(result.message).toMatch(message);
  expect(faultyScan(bytes, [4096, 100])).toEqual(result);
});

test("one damaged meta page is no matter, and with both there is nothing to go by", () => {
  const { bytes } = example();
  expect(facts(scanned(flipped(bytes, 40)))).toEqual({ ...facts(scanned(bytes)), validMetas: 1 });
  expect(facts(scanned(flipped(bytes, PAGE_BYTES + 40), [7]))).toEqual({ ...facts(scanned(bytes)), validMetas: 1 });
  const both = flipped(flipped(bytes, 40), PAGE_BYTES + 40);
  expect(faultyScan(both)).toEqual({ tree: "tree/meta", message: "neither meta page is valid", bytes: bytes.length });
});

test("a meta page that asks for far too much costs nothing", () => {
  const far = edited((bytes) => bytes.set(metaPage(0, { root, pages: 2 ** 36, txid: 9 })));
  expect(faultyScan(far)).toMatchObject({ tree: "tree/length", message: saying(`${2 ** 36} pages take`) });
  const farther = edited((bytes) => bytes.set(metaPage(0, { root, pages: 2 ** 52, txid: 9 })));
  expect(faultyScan(farther)).toMatchObject({ tree: "tree/meta", message: "the meta page names more pages than a file can have" });
  const none = edited((bytes) => bytes.set(metaPage(0, { root, pages: 0, txid: 9 })));
  expect(faultyScan(none)).toMatchObject({ tree: "tree/page" });
});

test("cut at any place it is not whole, and neither with bytes too many", () => {
  const { bytes } = example();
  const sent = asSent(bytes);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), (length) => {
      expect(faultyScan(bytes.subarray(0, length), [5000]).tree).toBe(
        length === 0 ? "tree/empty" : length < PAGE_BYTES && length < 80 ? "tree/meta" : "tree/length",
      );
    }),
    { numRuns: 200, examples: [[0], [1], [79], [80], [4095], [4096], [4176], [bytes.length - 1], [bytes.length - PAGE_BYTES]] },
  );
  expect(faultyScan(sent.subarray(0, -1))).toMatchObject({
    tree: "tree/length",
    message: "31 bytes follow the last page, which no trailer has",
  });
  expect(faultyScan(Buffer.concat([sent, Buffer.alloc(512)])).tree).toBe("tree/length");
  const between = Buffer.concat([bytes, Buffer.alloc(PAGE_BYTES + 32)]);
  expect(faultyScan(between)).toMatchObject({ tree: "tree/length", message: "4096 bytes stand between the last page and the trailer" });
});

test("no flipped bit of a leaf's header, elements or data goes unnoticed", () => {
  const { bytes } = example();
  const whole = wholeScan(bytes);
  fc.assert(
    fc.property(fc.constantFrom(first, second, third), fc.nat(16 + 48 + 200), fc.nat(7), (page, offset, bit) => {
      const result = scanned(flipped(bytes, start(page) + offset, 1 << bit));
      if (offset < 16 + 48) expect(result.tree).not.toBe("whole");
      else if (result.tree === "whole") expect([result.hash, result.hashKv()]).not.toEqual([whole.hash, whole.hashKv()]);
    }),
    { numRuns: 1500 },
  );
});

test("whatever is written over it, the scan ends, with a finding or another answer", () => {
  const { bytes } = example();
  fc.assert(
    fc.property(
      fc.nat(bytes.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.integer({ min: 1, max: 9000 }),
      (at, junk, size) => {
        const copy = Buffer.from(bytes);
        copy.set(junk.subarray(0, copy.length - at), at);
        const result = scanned(copy, [size]);
        expect(facts(scanned(copy))).toEqual(facts(result));
      },
    ),
    { numRuns: 800 },
  );
  expect(faultyScan(randomBytes(300_000)).tree).toBe("tree/meta");
});

test("revisions where the buckets should be are no buckets", () => {
  const bytes = edited((copy) => copy.set(metaPage(0, { root: first, pages: 9, txid: 9 })));
  expect(faultyScan(bytes)).toMatchObject({ tree: "tree/bucket", message: "page 4 has revisions where the buckets should be" });
});

test("pages that all claim the same overflow are read again only so often, and then are no whole tree", () => {
  const count = 12_000;
  const bytes = Buffer.alloc(count * PAGE_BYTES);
  // Within the limits, page 1000 would be read as well as the first: 41 MB each.
  bytes.set(metaPage(0, { root: 1000, pages: count, txid: 2 }));
  bytes.set(metaPage(1, { root: 1000, pages: count, txid: 1 }), PAGE_BYTES);
  for (let page = 2; page < 1500; page++) {
    const at = start(page);
    const overflow = 10_000;
    const rest = overflow * PAGE_BYTES - 5;
    bytes.writeUInt32LE(page, at);
    bytes.writeUInt16LE(2, at + 8);
    bytes.writeUInt16LE(1, at + 10);
    bytes.writeUInt32LE(overflow, at + 12);
    bytes.writeUInt32LE(16, at + 20);
    bytes.writeUInt32LE(17, at + 24);
    bytes.writeUInt32LE(overflow * PAGE_BYTES, at + 28);
    bytes.set(revisionKey(page), at + 32);
    bytes.set([0x2a, (rest & 0x7f) | 0x80, ((rest >>> 7) & 0x7f) | 0x80, ((rest >>> 14) & 0x7f) | 0x80, rest >>> 21], at + 49);
  }
  expect(faultyScan(bytes)).toMatchObject({ tree: "tree/limit", message: "page 1000 has a longer overflow than this reader follows" });
  // The first page is read, so the pages themselves are as they should be.
  bytes.set(metaPage(0, { root: 2, pages: count, txid: 2 }));
  expect(faultyScan(bytes)).toMatchObject({ tree: "tree/bucket", message: "page 2 has revisions where the buckets should be" });
});
