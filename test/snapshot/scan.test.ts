import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../shared/snapshot/crc32c.ts";
import { asSent } from "../support/snapshots.ts";
import { boltFile, keyValue, revisionKey } from "./support/bolt-file.ts";
import type { Entry } from "./support/bolt-file.ts";
import { plainHashKv, plainLiveKeys } from "./support/plain-reader.ts";
import { facts, scanned, wholeScan } from "./support/scanned.ts";

interface Change {
  readonly key: number;
  readonly isDelete: boolean;
  readonly value: Uint8Array;
}

const changes = fc.array(
  fc.record({
    key: fc.nat(5),
    isDelete: fc.boolean(),
    value: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(9000).fill(7))),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Change n is revision n + 2, as in etcd, where a deletion of what is not there changes nothing. */
function entriesOf(list: readonly Change[]): Entry[] {
  const alive = new Set<number>();
  const entries: Entry[] = [];
  for (const { key, isDelete, value } of list) {
    if (isDelete && !alive.has(key)) continue;
    if (isDelete) alive.delete(key);
    else alive.add(key);
    const name = Buffer.from(`/registry/${key}`);
    entries.push({ key: revisionKey(entries.length + 2, 0, isDelete), value: isDelete ? keyValue(name) : keyValue(name, value) });
  }
  return entries;
}

test("a generated tree gives hash, counts and every HashKV as reckoned entry by entry", () => {
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 4 }), fc.boolean(), (list, perLeaf, isBackwards) => {
      const entries = entriesOf(list);
      fc.pre(entries.length > 0);
      const scan = wholeScan(boltFile(entries, { perLeaf, isBackwards }).bytes);
      const everything = entries.flatMap(({ key, value }) => [key, value]);
      expect(scan.hash).toBe(crc32c(Buffer.concat([Buffer.from("key"), ...everything, Buffer.from("meta")])));
      expect(scan).toMatchObject({ revision: entries.length + 1, compactRevision: -1, freeBytes: 0, trailerBytes: 0 });
      expect(scan.keys).toEqual({ revisions: entries.length, live: plainLiveKeys(entries) });
      for (let revision = 1; revision <= entries.length + 1; revision++) {
        for (let compact = -1; compact <= revision; compact++) {
          expect({ revision, compact, ...scan.hashKv(revision, compact) }).toEqual({
            revision,
            compact,
            hash: plainHashKv(entries, revision, compact),
          });
        }
      }
    }),
    { numRuns: 40 },
  );
});

test("past the limit of entries a HashKV is right or unavailable, never wrong", () => {
  const lacking = { unavailable: "the snapshot has more entries than lifeboat keeps a record of" };
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 4 }), fc.nat(24), fc.boolean(), (list, perLeaf, entryLimit, isBackwards) => {
      const entries = entriesOf(list);
      fc.pre(entries.length > entryLimit);
      const scan = wholeScan(boltFile(entries, { perLeaf, isBackwards }).bytes, undefined, { entryLimit });
      expect(scan.keys).toEqual({ revisions: entries.length, live: undefined });
      for (let revision = 1; revision <= entries.length + 1; revision++) {
        for (let compact = -1; compact <= revision; compact++) {
          const answer = scan.hashKv(revision, compact);
          expect(answer).toEqual("hash" in answer ? { hash: plainHashKv(entries, revision, compact) } : lacking);
        }
      }
      // As long as no compaction reached the first entry, whole pages are enough.
      expect(scan.hashKv()).toEqual({ hash: plainHashKv(entries, entries.length + 1, -1) });
    }),
    { numRuns: 40 },
  );
});

test("chunks of any size, with or without a trailer, tell the same", () => {
  fc.assert(
    fc.property(changes, fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 6 }), (list, sizes) => {
      const entries = entriesOf(list);
      fc.pre(entries.length > 0);
      const { bytes } = boltFile(entries);
      const sent = asSent(bytes);
      const expected = wholeScan(bytes);
      const whole = wholeScan(sent, sizes);
      expect(facts(whole)).toEqual({ ...facts(expected), bytes: sent.length, trailerBytes: 32 });
      expect(whole.hashKv()).toEqual(expected.hashKv());
    }),
    { numRuns: 40 },
  );
});

test("what cannot be answered says why", () => {
  const finishedCompactRev = { key: Buffer.from("finishedCompactRev"), value: revisionKey(3) };
  const scheduledCompactRev = { key: Buffer.from("scheduledCompactRev"), value: revisionKey(4) };
  const entries = [5, 6, 7].map((main) => ({ key: revisionKey(main), value: keyValue(Buffer.from("a"), Buffer.from("b")) }));
  const { bytes } = boltFile(entries, { meta: [finishedCompactRev, scheduledCompactRev] });
  const scan = wholeScan(bytes);
  expect(scan).toMatchObject({ finishedCompactRevision: 3, scheduledCompactRevision: 4, compactRevision: 4, lastRevision: 7 });
  expect(scan.hashKv(8)).toEqual({ unavailable: "the snapshot ends at revision 7, before 8" });
  expect(scan.hashKv(7, 3)).toEqual({ unavailable: "the snapshot was compacted to revision 4, past 3" });
  expect(scan.hashKv(5, 6)).toEqual({ unavailable: "revision 5 was compacted, at 6" });
  const full = wholeScan(bytes, undefined, { entryLimit: 2 });
  // Where pages count whole, their own CRCs are enough.
  expect(full.hashKv()).toEqual(scan.hashKv());
  for (const [revision, compacted] of [
    [7, 5],
    [6, 4],
  ]) {
    expect(full.hashKv(revision, compacted)).toEqual({ unavailable: "the snapshot has more entries than lifeboat keeps a record of" });
  }
  expect(full).toMatchObject({ hash: scan.hash, revision: 7, keys: { revisions: 3, live: undefined }, encryption: undefined });
});

test("encrypted values are counted by provider and key name, all and live", () => {
  const put = (main: number, name: string, value: string): Entry => ({
    key: revisionKey(main),
    value: keyValue(Buffer.from(name), Buffer.from(value)),
  });
  const scan = wholeScan(
    boltFile([
      put(2, "a", "k8s:enc:aescbc:v1:old:xx"),
      put(3, "a", "k8s:enc:kms:v2:new:yy"),
      put(4, "b", "k8s:enc:kms:v2:new:zz"),
      put(5, "c", "k8s:enc:cut"),
    ]).bytes,
  );
  expect(scan.encryption).toEqual([
    { provider: "aescbc", keyName: "old", revisions: 1, live: 0 },
    { provider: "kms", keyName: "new", revisions: 2, live: 2 },
  ]);
});

test("a stale page, and a value that looks like a page, change nothing", () => {
  const entry = { key: revisionKey(2), value: keyValue(Buffer.from("a"), Buffer.from("b")) };
  const plain = wholeScan(boltFile([entry]).bytes);
  // Stale copies of the leaf, with the number of the place where they lie.
  const leaf = boltFile([entry]).bytes.subarray(4 * 4096);
  const claims = Buffer.from(leaf);
  claims.writeUInt32LE(1, 12);
  const stale = wholeScan(boltFile([entry], { stale: [claims] }).bytes);
  expect(stale).toMatchObject({ hash: plain.hash, freeBytes: 4096 });
  expect(stale.hashKv()).toEqual(plain.hashKv());
  // Inside a value, at a page boundary, a page that names its own place.
  const value = Buffer.alloc(9000);
  const inside = Buffer.from(leaf.subarray(0, 600));
  inside.writeBigUInt64LE(5n);
  // The leaf's header and element, the revision, the message's key and the value's tag and length.
  value.set(inside, 4096 - (16 + 16 + 17 + 3 + 3));
  const big = { key: revisionKey(2), value: keyValue(Buffer.from("a"), value) };
  const { bytes } = boltFile([big]);
  expect(bytes.readBigUInt64LE(5 * 4096)).toBe(5n);
  expect(scanned(bytes, [1000])).toMatchObject({ tree: "whole", keys: { revisions: 1, live: 1 }, freeBytes: 0 });
});
