import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import { DataTap } from "../../shared/etcd/grpc/data-tap.ts";
import { until } from "../../tools/lab/until.ts";

/** The tap on a real socket, fed with frames that a test writes. */

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;

let server: Server;
let far: Socket;
let near: Socket;
let tap: DataTap;
/** What node:http2 would have seen, and what was taken out. */
let passed: Buffer[];
let taken: Buffer[];

beforeEach(async () => {
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  tap = new DataTap();
  passed = [];
  taken = [];
  const connected = once(server, "connection");
  near = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", onread: tap.onread });
  [far] = (await connected) as [Socket];
  far.on("error", () => undefined);
  tap.attach(near);
  tap.connection.on("data", (bytes: Buffer) => passed.push(bytes));
});
afterEach(async () => {
  near.destroy();
  far.destroy();
  server.close();
  await once(server, "close");
});

function frame(type: number, flags: number, stream: number, payload: string | Buffer = ""): Buffer {
  const body = Buffer.from(payload);
  const header = Buffer.alloc(9);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, body]);
}

function padded(data: string, padding: number): Buffer {
  return Buffer.concat([Buffer.from([padding]), Buffer.from(data), Buffer.alloc(padding)]);
}

const headers = frame(HEADERS, END_HEADERS, 1, "an answer");
const trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, "the end");

function open(): void {
  tap.open((bytes) => taken.push(Buffer.from(bytes)));
}

const text = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString("latin1");

async function expectPassed(...frames: readonly Buffer[]): Promise<void> {
  await until("everything to pass", 5000, () => text(passed).length >= text(frames).length);
  expect(text(passed)).toBe(text(frames));
}

test("the stream's data is taken out, without its padding, and all else passes as it came", async () => {
  open();
  const settings = frame(SETTINGS, 0, 0, "settings");
  far.write(
    Buffer.concat([
      settings,
      headers,
      frame(DATA, 0, 1, "one "),
      frame(SETTINGS, 1, 0),
      frame(DATA, PADDED, 1, padded("two ", 7)),
      frame(DATA, 0, 1),
      frame(DATA, PADDED, 1, padded("", 3)),
      frame(DATA, PADDED, 1, padded("three", 0)),
      trailers,
    ]),
  );
  await expectPassed(settings, headers, frame(SETTINGS, 1, 0), trailers);
  expect(text(taken)).toBe("one two three");
});

test("however the bytes are cut", async () => {
  open();
  const data = fc.record({ text: fc.string({ maxLength: 40 }), padding: fc.option(fc.nat({ max: 255 }), { nil: undefined }) });
  const other = fc.constantFrom(frame(SETTINGS, 1, 0), frame(DATA, 0, 3, "another stream's"), frame(WINDOW_UPDATE, 0, 1, "1234"));
  far.write(headers);
  await expectPassed(headers);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(data, other), { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 }),
      async (parts, cuts) => {
        passed = [];
        taken = [];
        const frames = parts.map((part) => {
          if (Buffer.isBuffer(part)) return part;
          return part.padding === undefined ? frame(DATA, 0, 1, part.text) : frame(DATA, PADDED, 1, padded(part.text, part.padding));
        });
        const last = frame(SETTINGS, 1, 0, "last");
        const bytes = Buffer.concat([...frames, last]);
        // Straight into the tap: a socket would join what is written piece by piece.
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const piece = Uint8Array.from(bytes.subarray(at, at + (cuts[turn % cuts.length] ?? 1)));
          tap.onread.callback(piece.length, piece);
          piece.fill(0xff);
          at += piece.length;
        }
        await expectPassed(...parts.filter((part) => Buffer.isBuffer(part)), last);
        expect(text(taken)).toBe(Buffer.from(parts.map((part) => (Buffer.isBuffer(part) ? "" : part.text)).join("")).toString("latin1"));
      },
    ),
  );
});

test("a stream that ends with data ends for node:http2 too", async () => {
  open();
  far.write(Buffer.concat([headers, frame(DATA, END_STREAM, 1, "all")]));
  await expectPassed(headers, frame(DATA, END_STREAM, 1));
  expect(text(taken)).toBe("all");
});

test("nothing is taken before the answer is known to be the right one, and hardly anything is read", async () => {
  far.write(Buffer.concat([headers, frame(DATA, 0, 1, "held")]));
  await expectPassed(headers);
  const much = frame(DATA, 0, 1, Buffer.alloc(16_384, "x"));
  for (let count = 0; count < 2000; count++) far.write(much);
  await until("the sender to be held back", 5000, () => far.writableLength > 10_000_000);
  expect(taken).toEqual([]);
  expect(near.bytesRead).toBeLessThan(1_000_000);
  open();
  far.write(trailers);
  await expectPassed(headers, trailers);
  expect(text(taken)).toBe(`held${"x".repeat(2000 * 16_384)}`);
});

test("what comes over TLS after no more was asked for is held in its order", async () => {
  const callback = (bytes: Buffer): boolean => tap.onread.callback(bytes.length, bytes);
  expect(callback(Buffer.concat([headers, frame(DATA, 0, 1, "first ").subarray(0, 11)]))).toBe(false);
  expect(callback(Buffer.concat([frame(DATA, 0, 1, "first ").subarray(11), frame(DATA, 0, 1, "second")]))).toBe(false);
  expect(taken).toEqual([]);
  open();
  expect(text(taken)).toBe("first second");
});

test("a pause stops the sender, and nothing that was read is lost", async () => {
  open();
  far.write(headers);
  await expectPassed(headers);
  tap.pause();
  const much = frame(DATA, 0, 1, Buffer.alloc(16_384, "x"));
  for (let count = 0; count < 2000; count++) far.write(much);
  await until("the sender to be held back", 5000, () => far.writableLength > 10_000_000);
  expect(near.bytesRead).toBeLessThan(1_000_000);
  tap.resume();
  far.write(trailers);
  await expectPassed(headers, trailers);
  expect(text(taken).length).toBe(2000 * 16_384);
});

test("credit is given back for all that came, padding too, for the stream and for the connection", async () => {
  open();
  const back: Buffer[] = [];
  far.on("data", (bytes: Buffer) => back.push(bytes));
  far.write(headers);
  const one = frame(DATA, PADDED, 1, padded("x".repeat(15_000), 255));
  const length = one.length - 9;
  const count = Math.ceil((8 * 1024 * 1024) / length) + 3;
  for (let sent = 0; sent < count; sent++) far.write(one);
  await until("all data", 5000, () => text(taken).length === count * 15_000);
  await until("credit twice", 5000, () => text(back).length >= 4 * 13);
  const credit = new Map<number, number>();
  const bytes = Buffer.concat(back);
  for (let at = 0; at < bytes.length; at += 13) {
    expect([bytes.readUIntBE(at, 3), bytes[at + 3], bytes[at + 4]]).toEqual([4, WINDOW_UPDATE, 0]);
    const stream = bytes.readUInt32BE(at + 5);
    credit.set(stream, (credit.get(stream) ?? 0) + bytes.readUInt32BE(at + 9));
  }
  const whole = Math.ceil((4 * 1024 * 1024) / length) * length;
  expect([...credit]).toEqual([
    [1, 2 * whole],
    [0, 2 * whole],
  ]);
});

test.each([
  ["data before any headers", frame(DATA, 0, 1, "too soon")],
  ["a frame that is larger than we allow", frame(DATA, 0, 1, Buffer.alloc(16_385))],
  ["another stream's data", frame(DATA, 0, 3, "not ours")],
])("%s is left to node:http2", async (_, odd) => {
  open();
  const before = odd.length > 100 ? [headers] : [];
  const reset = frame(RST_STREAM, 0, 1, "code");
  far.write(Buffer.concat([...before, odd, reset]));
  await expectPassed(...before, odd, reset);
  expect(taken).toEqual([]);
});

test("the socket's end and failure are the connection's, and what node:http2 writes goes out", async () => {
  const received = once(far, "data");
  tap.connection.write("preface");
  expect(String((await received)[0])).toBe("preface");
  const ended = once(tap.connection, "end");
  far.end(headers);
  await ended;
  expect(text(passed)).toBe(text([headers]));
  const closed = once(tap.connection, "close");
  near.destroy();
  await closed;
});

test("a reset closes the connection", async () => {
  const failed = once(tap.connection, "error");
  far.resetAndDestroy();
  expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
});
