import { once } from "node:events";
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";

import { drain } from "./support/drain.ts";
import { failureOf } from "./support/failure.ts";
import { LIMITS, sourceOf } from "./support/source-of.ts";

/** Servers that are not etcd, or an etcd that behaves as none should. */

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function listening(server: Http2Server | Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function http2(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
  const server = createHttp2();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    answer(stream);
  });
  server.on("sessionError", () => undefined);
  return listening(server);
}

async function tcp(serve: (socket: Socket) => void): Promise<string> {
  return listening(createTcp(serve));
}

const GRPC = { ":status": 200, "content-type": "application/grpc" };

/** One gRPC message: remaining bytes, and a blob of `blob.length` below 128. */
function message(blob: string, remaining = 0): Buffer {
  const body = Buffer.concat([Buffer.from([0x10, remaining, 0x1a, blob.length]), Buffer.from(blob)]);
  return Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]);
}

/** `pieces`, then trailers. */
function send(stream: ServerHttp2Stream, pieces: readonly Buffer[], trailers: Record<string, string>): void {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(Buffer.concat(pieces));
}

async function snapshot(url: string, limits = LIMITS): Promise<Buffer> {
  using source = sourceOf({ endpoints: [url] });
  return drain(source.snapshot(url, limits));
}

test("the double is understood where it behaves: what follows differs from this in one thing", async () => {
  const url = await http2((stream) => send(stream, [message("abc", 3), message("def")], { "grpc-status": "0" }));
  expect((await snapshot(url)).toString()).toBe("abcdef");
});

test("an empty request of gRPC goes to etcd's method, without a token where there is none", async () => {
  const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
  const url = await http2((stream) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve({ ...stream.sentHeaders, body: Buffer.concat(chunks).toString("hex") }));
    send(stream, [message("abc")], { "grpc-status": "0" });
  });
  const server = await snapshot(url);
  expect(server.toString()).toBe("abc");
  expect(await promise).toMatchObject({ body: "0000000000" });
});

test.each([
  [
    "no trailers",
    (stream: ServerHttp2Stream) => void (stream.respond(GRPC), stream.end(message("abc"))),
    "it ended without etcd's final status",
  ],
  [
    "bytes still to come",
    (stream: ServerHttp2Stream) => send(stream, [message("abc", 9)], { "grpc-status": "0" }),
    "it ended with 9 bytes still to come",
  ],
  ["no message", (stream: ServerHttp2Stream) => send(stream, [], { "grpc-status": "0" }), "it ended without a message"],
  [
    "half a message",
    (stream: ServerHttp2Stream) => send(stream, [message("abc").subarray(0, 8)], { "grpc-status": "0" }),
    "it ended within a message",
  ],
  [
    "garbage",
    (stream: ServerHttp2Stream) => send(stream, [Buffer.alloc(100, 0xff)], { "grpc-status": "0" }),
    "a message is compressed, which was not asked for",
  ],
  [
    "an odd status",
    (stream: ServerHttp2Stream) => send(stream, [message("abc")], { "grpc-status": "fine" }),
    "it ended without etcd's final status",
  ],
  [
    "a status of its own in mid-stream",
    (stream: ServerHttp2Stream) => send(stream, [message("abc", 9)], { "grpc-status": "14", "grpc-message": "going%20down" }),
    "going down",
  ],
  [
    "a reset",
    (stream: ServerHttp2Stream) => {
      stream.respond(GRPC);
      stream.write(message("abc", 9), () => stream.destroy(new Error("broken")));
    },
    "NGHTTP2_INTERNAL_ERROR",
  ],
])("a stream with %s is cut", async (_, answer, why) => {
  const url = await http2(answer);
  const error = await failureOf(snapshot(url));
  expect(error).toMatchObject({ code: "etcd/stream", retryable: true });
  expect(error.message).toMatch(new RegExp(`^the snapshot from ${url} was cut after \\d+ bytes: `));
  expect(`${error.message} ${String(error.cause)}`).toContain(why);
});

test.each([
  ["a web page", { ":status": 200, "content-type": "text/html" }, 'content of type "text/html"'],
  ["no type", { ":status": 200 }, 'content of type ""'],
  ["a proxy's refusal", { ":status": 503, "content-type": "text/plain" }, "HTTP status 503"],
])("%s is not etcd's", async (_, headers, what) => {
  const url = await http2((stream) => {
    stream.respond(headers);
    stream.end("<html>");
  });
  expect(await failureOf(snapshot(url))).toMatchObject({
    code: "etcd/stream",
    message: `${url} answered with ${what}, which is not etcd's`,
  });
});

test("a refusal in place of a stream is told in etcd's words, decoded and cut to length", async () => {
  const url = await http2((stream) => {
    stream.respond(
      { ...GRPC, "grpc-status": "8", "grpc-message": `etcdserver: too%20many%0Arequests ${"x".repeat(5000)}` },
      { endStream: true },
    );
  });
  const error = await failureOf(snapshot(url));
  expect(error.code).toBe("etcd/refused");
  expect(error.message).toMatch(new RegExp(`^${url} refused to send a snapshot: etcdserver: too many requests x+\\.\\.\\.$`));
  expect(error.message.length).toBeLessThan(500);
});

test("a message that does not decode is taken as it is", async () => {
  const url = await http2((stream) =>
    stream.respond({ ...GRPC, "grpc-status": "8", "grpc-message": "etcdserver: 100% full" }, { endStream: true }),
  );
  expect(await failureOf(snapshot(url))).toMatchObject({ message: `${url} refused to send a snapshot: etcdserver: 100% full` });
});

test("a server that says goodbye in mid-stream cuts it", async () => {
  const url = await http2((stream) => {
    stream.respond(GRPC);
    stream.write(message("abc", 9), () => stream.session?.destroy());
  });
  expect(await failureOf(snapshot(url))).toMatchObject({ code: "etcd/stream" });
});

test("an answer whose bytes never come has stalled, and one that trickles is too late in the end", async () => {
  const silent = await http2((stream) => stream.respond(GRPC));
  expect(await failureOf(snapshot(silent, { idleMs: 100, totalMs: 60_000 }))).toMatchObject({
    code: "etcd/stalled",
    message: `the snapshot from ${silent} stalled: nothing was received for 100 ms, after 0 bytes`,
  });
  const trickling = await http2((stream) => {
    stream.respond(GRPC);
    const timer = setInterval(() => stream.write(message("a", 9)), 20);
    stream.on("close", () => clearInterval(timer));
  });
  const error = await failureOf(snapshot(trickling, { idleMs: 5000, totalMs: 400 }));
  expect(error).toMatchObject({ code: "etcd/timeout" });
  expect(error.message).not.toContain(": 0 bytes came");
});

test("what speaks no HTTP/2 is not etcd, for either way", async () => {
  const url = await tcp((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  using source = sourceOf({ endpoints: [url] });
  expect(await failureOf(source.status(url))).toMatchObject({
    code: "etcd/unreachable",
    message: `${url} does not speak HTTP/2, so it is not etcd`,
  });
  expect(await failureOf(snapshot(url))).toMatchObject({ code: "etcd/unreachable" });
});

test("what closes at once cannot be reached, for either way", async () => {
  const url = await tcp((socket) => socket.destroy());
  using source = sourceOf({ endpoints: [url] });
  const expected = { code: "etcd/unreachable", message: `${url} cannot be reached: the connection was closed` };
  expect(await failureOf(source.status(url))).toMatchObject(expected);
  expect(await failureOf(snapshot(url))).toMatchObject(expected);
});

test("what takes the connection and says nothing is given up in time, for either way", async () => {
  const url = await tcp(() => undefined);
  using source = sourceOf({ endpoints: [url], connectMs: 200 });
  expect(await failureOf(source.status(url))).toMatchObject({
    code: "etcd/timeout",
    message: `${url} accepts connections and then does not answer within 200 ms`,
  });
  expect(await failureOf(drain(source.snapshot(url, { idleMs: 200, totalMs: 60_000 })))).toMatchObject({ code: "etcd/stalled" });
});

test("an answer to a question that is not etcd's is refused", async () => {
  const url = await http2((stream) => send(stream, [Buffer.from([0, 0, 0, 0, 0])], { "grpc-status": "0" }));
  using source = sourceOf({ endpoints: [url] });
  expect(await failureOf(source.status(url))).toMatchObject({
    code: "etcd/refused",
    message: `${url} gave its status in a form that is not etcd's`,
  });
});
