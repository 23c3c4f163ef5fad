import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { IndexTooLarge, IndexTop, IndexWriter, recordsIn } from "../../shared/snapshot/key-index.ts";
import type { IndexRecord } from "../../shared/snapshot/key-index.ts";
import { everyKey } from "../../shared/snapshot/key-tests.ts";
import { boltFile, keyValue, revisionKey } from "./support/bolt-file.ts";
import { wholeScan } from "./support/scanned.ts";

interface Written {
  readonly pieces: readonly Uint8Array[];
  readonly top: IndexTop;
}

const digest = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

function written(records: readonly IndexRecord[], frames = Buffer.alloc(0)): Written {
  const writer = new IndexWriter(frames);
  const pieces = [...map(writer.pieces(records), (piece) => Uint8Array.from(piece))];
  return { pieces, top: new IndexTop(Uint8Array.from(writer.top(Buffer.concat(pieces.map(digest))))) };
}

function* map<A, B>(items: Iterable<A>, by: (item: A) => B): Generator<B, void, undefined> {
  for (const item of items) yield by(item);
}

const figure = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const record = fc.record({ key: fc.uint8Array({ maxLength: 30 }), at: figure, bytes: figure, revision: figure, valueBytes: figure });
const inOrder = (records: readonly IndexRecord[]): IndexRecord[] =>
  [...new Map(records.map((each) => [Buffer.from(each.key).toString("hex"), each])).values()].toSorted((a, b) =>
    Buffer.compare(a.key, b.key),
  );
const plain = ({ key, ...rest }: IndexRecord): object => ({ ...rest, key: Buffer.from(key).toString("hex") });

test("what was written is read, of any keys and figures", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 60 }), (some) => {
      const records = inOrder(some);
      const { pieces, top } = written(records, Buffer.alloc(64, 5));
      expect(pieces.flatMap((piece) => [...recordsIn(piece)].map(plain))).toEqual(records.map(plain));
      expect([top.count, top.pieces, Buffer.from(top.frameDigests)]).toEqual([records.length, pieces.length, Buffer.alloc(64, 5)]);
    }),
  );
});

test("of many pieces the top tells which one has a key, also one that is not there", () => {
  const records = Array.from({ length: 20_000 }, (_, index) => ({
    key: Buffer.from(
      `/registry/pods/ns-${String(index % 50).padStart(2, "0")}/pod-${digest(Buffer.from([index, index >> 8])).toString("hex")}`,
    ),
    at: index * 4096,
    bytes: 2000,
    revision: index,
    valueBytes: 1900,
  })).toSorted((a, b) => Buffer.compare(a.key, b.key));
  const { pieces, top } = written(records);
  expect(pieces.length).toBeGreaterThan(10);
  expect(top.pieces).toBe(pieces.length);
  expect(top.pieceDigests).toEqual(Buffer.concat(pieces.map(digest)));
  const holds = (piece: number | undefined, key: Uint8Array): boolean =>
    [...recordsIn(pieces[piece ?? -1] ?? Buffer.alloc(0))].some((each) => Buffer.compare(each.key, key) === 0);
  for (const { key } of records.filter((_, index) => index % 97 === 0)) {
    expect(holds(top.pieceOf(key), key)).toBe(true);
    expect(top.pieceOf(Buffer.concat([key, Buffer.alloc(1)]))).toBeGreaterThanOrEqual(top.pieceOf(key) ?? 0);
  }
  expect([top.pieceOf(Buffer.alloc(0)), top.pieceOf(Buffer.from([255]))]).toEqual([0, pieces.length - 1]);
  expect(written([]).top.pieceOf(Buffer.from("a"))).toBeUndefined();
});

test("what is no index, or one that was cut, is refused", () => {
  const [piece = new Uint8Array(0)] = written([{ key: Buffer.from("a/b"), at: 1, bytes: 2, revision: 3, valueBytes: 4 }]).pieces;
  const writer = new IndexWriter(Buffer.alloc(32));
  const top = writer.top(Buffer.alloc(0));
  for (let length = 0; length < top.length; length++)
    expect(() => new IndexTop(top.subarray(0, length))).toThrow("the index of the snapshot is malformed");
  expect(() => new IndexTop(Buffer.concat([top, Buffer.alloc(1)]))).toThrow("malformed");
  for (let length = 1; length < piece.length; length++) expect(() => [...recordsIn(piece.subarray(0, length))]).toThrow("malformed");
  // More in common with the key before than that has.
  expect(() => [...recordsIn(Buffer.from([1, 0, 0, 0, 0, 0]))]).toThrow("malformed");
  // 2^63 and more.
  expect(() => [...recordsIn(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]))]).toThrow("malformed");
  expect(() => [...recordsIn(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0x0f]))]).toThrow("malformed");
});

test("keys that make the top larger than is read back are told", () => {
  function* long(): Generator<IndexRecord, void, undefined> {
    for (let index = 0; index < 40; index++)
      yield { key: Buffer.concat([Buffer.alloc(200_000, 1), Buffer.from([index])]), at: 0, bytes: 0, revision: 0, valueBytes: 0 };
  }
  expect(() => [...new IndexWriter(Buffer.alloc(0)).pieces(long())]).toThrow(IndexTooLarge);
});

test("each live key of a snapshot is found with the place of its newest entry, whatever the pages", () => {
  const change = fc.record({
    key: fc.constantFrom("a", "a/b", "a/c", "b", "\u0000", "é"),
    isDelete: fc.boolean(),
    size: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(9000)),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), fc.boolean(), (list, isBackwards) => {
      const alive = new Map<string, { readonly revision: number; readonly valueBytes: number; readonly entry: Buffer }>();
      const entries = list.map(({ key, isDelete, size }, index) => {
        const message = isDelete ? keyValue(Buffer.from(key)) : keyValue(Buffer.from(key), Buffer.alloc(size, index));
        const entry = { key: revisionKey(index + 2, 0, isDelete), value: message };
        if (isDelete) alive.delete(key);
        else alive.set(key, { revision: index + 2, valueBytes: size, entry: Buffer.concat([entry.key, entry.value]) });
        return entry;
      });
      const { bytes } = boltFile(entries, { isBackwards });
      const { matches } = wholeScan(bytes, undefined, { filter: { matches: everyKey, valueBytes: 0 } });
      const found = [...(matches?.placedInOrder() ?? [])].map(({ key, at, bytes: length, revision, valueBytes }) => [
        Buffer.from(key).toString(),
        { revision, valueBytes, entry: Buffer.from(bytes.subarray(at, at + length)) },
      ]);
      expect(found).toEqual([...alive].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
    { numRuns: 60 },
  );
});
