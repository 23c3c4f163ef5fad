import fc from "fast-check";
import { expect, test } from "vitest";

import { MalformedAnswer, SnapshotFrames } from "../../shared/etcd/grpc/grpc-frames.ts";

interface Message {
  readonly remaining?: number;
  readonly blob?: Uint8Array;
  /** Fields that are not ours: field number, wire type, encoded value. */
  readonly others?: readonly Uint8Array[];
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let left = BigInt(value);
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(left)]);
}

const tag = (field: number, type: number): Uint8Array => varint(field * 8 + type);
const bytesField = (field: number, bytes: Uint8Array): Uint8Array => Buffer.concat([tag(field, 2), varint(bytes.length), bytes]);

function framed(body: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function encoded({ remaining, blob, others = [] }: Message): Buffer {
  const fields = [...others];
  if (remaining !== undefined) fields.push(Buffer.concat([tag(2, 0), varint(remaining)]));
  if (blob !== undefined) fields.push(bytesField(3, blob));
  return framed(Buffer.concat(fields));
}

/** `stream` handed over in pieces that end at `cuts`: the blob bytes. */
function read(stream: Uint8Array, cuts: readonly number[] = []): Buffer {
  const frames = new SnapshotFrames();
  const out: Uint8Array[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].toSorted((one, other) => one - other);
  let start = 0;
  for (const end of [...ends, stream.length]) {
    frames.push(stream.subarray(start, end), (bytes) => out.push(bytes));
    start = end;
  }
  frames.finish();
  const blob = Buffer.concat(out);
  expect(frames.blobBytes).toBe(blob.length);
  return blob;
}

const other = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => bytesField(1, bytes)),
  fc.string().map((text) => bytesField(4, Buffer.from(text))),
  fc.bigInt(0n, 2n ** 64n - 1n).map((value) => Buffer.concat([tag(900, 0), varint(value)])),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.concat([tag(16, 1), bytes])),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.concat([tag(5, 5), bytes])),
);
const message = fc.record(
  { remaining: fc.maxSafeNat(), blob: fc.uint8Array({ maxLength: 2000 }), others: fc.array(other, { maxLength: 3 }) },
  { requiredKeys: [] },
);
const cuts = fc.array(fc.nat(), { maxLength: 40 });

test("the blobs come out whole and in order, however the stream is cut and whatever else the messages hold", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.uint8Array({ maxLength: 500 }), cuts, (messages, last, at) => {
      const all = [...messages, { blob: last, remaining: 0 }];
      const blobs = Buffer.concat(all.map(({ blob }) => blob ?? new Uint8Array()));
      expect(read(Buffer.concat(all.map(encoded)), at).equals(blobs)).toBe(true);
    }),
  );
});

test("one byte at a time gives the same as all at once", () => {
  const stream = Buffer.concat([encoded({ remaining: 3, blob: Buffer.from("abc") }), encoded({ blob: Buffer.from("def") })]);
  expect(read(stream, Array.from(stream.keys())).toString()).toBe("abcdef");
});

test("blobs are views on the chunk, not copies", () => {
  const chunk = encoded({ blob: Buffer.from("abcdef") });
  new SnapshotFrames().push(chunk, (bytes) => expect(bytes.buffer).toBe(chunk.buffer));
  expect.assertions(1);
});

test("a stream that ends anywhere but after its last message is refused", () => {
  const stream = Buffer.concat([encoded({ remaining: 40, blob: Buffer.from("abc") }), encoded({ blob: Buffer.alloc(40) })]);
  for (let end = 0; end < stream.length; end += 1) {
    expect(() => read(stream.subarray(0, end)), `cut at ${end}`).toThrow(MalformedAnswer);
  }
  expect(read(stream)).toHaveLength(43);
});

test.each([
  ["it ended with 7 bytes still to come", encoded({ remaining: 7, blob: Buffer.from("abc") })],
  ["a message is compressed", Buffer.concat([Buffer.from([1, 0, 0, 0, 0])])],
  ["a message of 4294967295 bytes is too large", Buffer.from([0, 255, 255, 255, 255])],
  ["a message of 16777217 bytes is too large", Buffer.from([0, 1, 0, 0, 1])],
  ["a field reaches past its message", framed(Buffer.concat([tag(3, 2), varint(100), Buffer.alloc(99)]))],
  ["a field reaches past its message", framed(Buffer.concat([tag(3, 2), varint(2n ** 63n)]))],
  ["a field reaches past its message", framed(Buffer.concat([tag(9, 1), Buffer.alloc(7)]))],
  ["a number in it does not end", framed(Buffer.alloc(20, 0xff))],
  ["a message ends within a number", framed(Buffer.from([0x80]))],
  ["a message ends within a field", framed(tag(2, 0))],
  ["a field has the number 0", framed(Buffer.from([2, 0]))],
  ["its blob is of wire type 0", framed(Buffer.concat([tag(3, 0), varint(1)]))],
  ["its remaining bytes are of wire type 2", framed(bytesField(2, Buffer.from("x")))],
  ["field 7 is of wire type 3", framed(tag(7, 3))],
  ["two blobs", framed(Buffer.concat([bytesField(3, Buffer.from("a")), bytesField(3, Buffer.from("b"))]))],
  ["more bytes than there can be", framed(Buffer.concat([tag(2, 0), varint(2n ** 64n - 1n)]))],
])("refuses: %s", (why, stream) => {
  expect(() => read(stream)).toThrow(why);
  expect(() => read(stream, Array.from(stream.keys()))).toThrow(why);
});

test("hostile bytes give an error of ours or bytes that were really there, never a crash", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ maxLength: 600 }).map(framed)), cuts, (stream, at) => {
      try {
        expect(read(stream, at).length).toBeLessThan(stream.length);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedAnswer);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a single flipped bit is an error of ours or changes only bytes", () => {
  const stream = Buffer.concat([
    encoded({ remaining: 90, blob: Buffer.alloc(60, 1), others: [bytesField(1, Buffer.from("header"))] }),
    encoded({ blob: Buffer.alloc(90, 2) }),
  ]);
  fc.assert(
    fc.property(fc.nat({ max: stream.length * 8 - 1 }), cuts, (bit, at) => {
      const damaged = Buffer.from(stream);
      const index = Math.floor(bit / 8);
      damaged[index] = (damaged[index] ?? 0) ^ (1 << (bit % 8));
      try {
        expect(read(damaged, at).length).toBeLessThan(stream.length);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedAnswer);
      }
    }),
    { numRuns: 1000 },
  );
});
