import { once } from "node:events";
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";

import type { EtcdSettings } from "../../shared/etcd/grpc/settings.ts";
import { failureOf } from "./support/failure.ts";
import { sourceOf } from "./support/source-of.ts";
import { tcpBalancer } from "./support/tcp-balancer.ts";

/** The calls beside Snapshot, against servers that answer them well, badly, or not. */

interface Double {
  readonly url: string;
  /** Connections so far. */
  readonly sessions: readonly ServerHttp2Session[];
  readonly calls: readonly { readonly headers: Record<string, unknown>; readonly body: string }[];
}

const servers: Http2Server[] = [];
const sessions = new Set<ServerHttp2Session>();
afterEach(async () => {
  for (const session of sessions) session.destroy();
  sessions.clear();
  await Promise.all(servers.splice(0).map(async (server) => void (server.close(), await once(server, "close"))));
});

/** `answer` is told how many calls there were, this one included. */
async function double(answer: (stream: ServerHttp2Stream, call: number) => void): Promise<Double> {
  const server = createServer();
  servers.push(server);
  const made: { url: string; sessions: ServerHttp2Session[]; calls: { headers: Record<string, unknown>; body: string }[] } = {
    url: "",
    sessions: [],
    calls: [],
  };
  server.on("session", (session) => {
    sessions.add(session);
    made.sessions.push(session);
  });
  server.on("sessionError", () => undefined);
  let calls = 0;
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => made.calls.push({ headers: { ...headers }, body: Buffer.concat(chunks).toString("hex") }));
    calls += 1;
    answer(stream, calls);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  made.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return made;
}

const GRPC = { ":status": 200, "content-type": "application/grpc" };

/** A message in gRPC's frame. */
function framed(hex: string): Buffer {
  const body = Buffer.from(hex, "hex");
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function send(stream: ServerHttp2Stream, bytes: Buffer, trailers: Record<string, string> = { "grpc-status": "0" }): void {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(bytes);
}

/** HashKVResponse: header { cluster_id 1, member_id 10, revision 7 }, hash 9, compact_revision -1. */
const HASH = framed("0a060801100a1807100918ffffffffffffffffff01");
const HASHED = { memberId: "a", revision: 7, hash: 9, compactRevision: -1 };

type Asked = ReturnType<ReturnType<typeof sourceOf>["hashKv"]>;
function hash(source: ReturnType<typeof sourceOf>, url: string): Asked {
  return source.hashKv(url, "latest", { timeoutMs: 15_000 });
}

async function asked(url: string, settings: Partial<EtcdSettings> = {}): Promise<Awaited<Asked>> {
  using source = sourceOf({ endpoints: [url], ...settings });
  return await hash(source, url);
}

test("the double is understood where it behaves, and asked as gRPC has it", async () => {
  const server = await double((stream) => send(stream, HASH));
  using source = sourceOf({ endpoints: [server.url] });
  expect(await source.hashKv(server.url, 300, { timeoutMs: 15_000 })).toEqual({ ...HASHED, revision: 300 });
  expect(await hash(source, server.url)).toEqual(HASHED);
  expect(server.sessions).toHaveLength(1);
  expect(server.calls.map(({ body }) => body)).toEqual(["000000000308ac02", "00000000020800"]);
  expect(server.calls[0]?.headers).toMatchObject({
    ":method": "POST",
    ":path": "/etcdserverpb.Maintenance/HashKV",
    ":authority": server.url.replace("http://", ""),
    "content-type": "application/grpc",
    te: "trailers",
  });
  expect(server.calls[0]?.headers["token"]).toBeUndefined();
});

test("calls side by side share one connection", async () => {
  const server = await double((stream) => send(stream, HASH));
  using source = sourceOf({ endpoints: [server.url] });
  await Promise.all([hash(source, server.url), hash(source, server.url), hash(source, server.url)]);
  expect(server.sessions).toHaveLength(1);
});

test.each<[string, (stream: ServerHttp2Stream) => void, { code: string; message: string }]>([
  [
    "etcd's refusal",
    (stream) => send(stream, Buffer.alloc(0), { "grpc-status": "8", "grpc-message": "etcdserver: too%20many requests" }),
    { code: "etcd/refused", message: "refused to hash its keys at its latest revision (HashKV): etcdserver: too many requests" },
  ],
  [
    "a refusal without a body",
    (stream) => stream.respond({ ...GRPC, "grpc-status": "12", "grpc-message": "unknown service" }, { endStream: true }),
    { code: "etcd/refused", message: "refused to hash its keys at its latest revision (HashKV): unknown service" },
  ],
  [
    "a proxy's page for what it does not know",
    (stream) => (stream.respond({ ":status": 404 }), stream.end("<html>")),
    { code: "etcd/refused", message: "refused to hash its keys at its latest revision (HashKV): HTTP status 404" },
  ],
  [
    "a proxy without a server behind it",
    (stream) => (stream.respond({ ":status": 503 }), stream.end("<html>")),
    { code: "etcd/unreachable", message: "did not hash its keys at its latest revision (HashKV): HTTP status 503" },
  ],
  [
    "an answer without a status",
    (stream) => (stream.respond(GRPC), stream.end(HASH)),
    {
      code: "etcd/unreachable",
      message: "did not hash its keys at its latest revision (HashKV): it ended without etcd's final status",
    },
  ],
  [
    "a reset",
    (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    {
      code: "etcd/unreachable",
      message: "did not hash its keys at its latest revision (HashKV): etcd or a proxy reset it (HTTP/2 code 2)",
    },
  ],
  [
    "a connection that breaks",
    (stream) => stream.session?.destroy(),
    { code: "etcd/unreachable", message: "did not hash its keys at its latest revision (HashKV): the connection was closed" },
  ],
  [
    "two messages",
    (stream) => send(stream, Buffer.concat([HASH, HASH])),
    {
      code: "etcd/unreachable",
      message: "did not hash its keys at its latest revision (HashKV): its answer cannot be read: it is not one message",
    },
  ],
  [
    "a compressed message",
    (stream) => send(stream, Buffer.concat([Buffer.from([1]), HASH.subarray(1)])),
    {
      code: "etcd/unreachable",
      message:
        "did not hash its keys at its latest revision (HashKV): its answer cannot be read: it is compressed, which was not asked for",
    },
  ],
  [
    "garbage",
    (stream) => send(stream, framed("ffffff")),
    {
      code: "etcd/unreachable",
      message: "did not hash its keys at its latest revision (HashKV): its answer cannot be read: it ends within a number",
    },
  ],
  [
    "an answer without end",
    (stream) => {
      stream.respond(GRPC);
      const more = (): void => {
        if (!stream.destroyed) stream.write(Buffer.alloc(256 * 1024), more);
      };
      more();
    },
    { code: "etcd/refused", message: "refused to hash its keys at its latest revision (HashKV): its answer has more than 4194304 bytes" },
  ],
])("%s", async (_, answer, { code, message }) => {
  const { url } = await double(answer);
  expect(await failureOf(asked(url))).toMatchObject({ code, message: `${url} ${message}` });
});

test("an answer that does not come is given up in time, and the next call makes a connection of its own", async () => {
  const server = await double((stream, call) => (call === 1 ? undefined : send(stream, HASH)));
  using source = sourceOf({ endpoints: [server.url] });
  expect(await failureOf(source.hashKv(server.url, "latest", { timeoutMs: 200 }))).toMatchObject({
    code: "etcd/timeout",
    message: `${server.url} did not hash its keys at its latest revision (HashKV) within 200 ms`,
  });
  expect(await hash(source, server.url)).toEqual(HASHED);
  expect(server.sessions).toHaveLength(2);
});

test("a call that is under way goes on where another one on its connection is given up", async () => {
  const held: ServerHttp2Stream[] = [];
  const { promise: both, resolve } = Promise.withResolvers<void>();
  const { url } = await double((stream) => {
    if (held.push(stream) === 2) resolve();
  });
  using source = sourceOf({ endpoints: [url] });
  const first = hash(source, url);
  const stop = new AbortController();
  const second = source.hashKv(url, "latest", { timeoutMs: 15_000 }, stop.signal);
  await both;
  stop.abort();
  expect(await failureOf(second)).toMatchObject({
    code: "interrupted",
    message: expect.stringContaining(`asking ${url} to hash`) as string,
  });
  for (const stream of held) if (!stream.destroyed) send(stream, HASH);
  expect(await first).toEqual(HASHED);
});

test("who waits for a connection that another's signal gave up makes one", async () => {
  const server = await double((stream) => send(stream, HASH));
  using source = sourceOf({ endpoints: [server.url] });
  const stop = new AbortController();
  const first = source.status(server.url, stop.signal);
  const second = hash(source, server.url);
  stop.abort();
  expect(await failureOf(first)).toMatchObject({ code: "interrupted" });
  expect(await second).toEqual(HASHED);
});

test("a call that the server refused unseen is made once more, on another connection", async () => {
  const server = await double((stream, call) => (call === 1 ? stream.close(constants.NGHTTP2_REFUSED_STREAM) : send(stream, HASH)));
  expect(await asked(server.url)).toEqual(HASHED);
  expect(server.sessions).toHaveLength(2);
  const { url } = await double((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
  expect(await failureOf(asked(url))).toMatchObject({
    code: "etcd/unreachable",
    message: expect.stringContaining("no more calls") as string,
  });
});

test("after a goodbye the next call makes a new connection", async () => {
  const server = await double((stream) => send(stream, HASH));
  using source = sourceOf({ endpoints: [server.url] });
  await hash(source, server.url);
  const [session] = server.sessions;
  const closed = session === undefined ? undefined : once(session, "close");
  session?.close();
  await closed;
  expect(await hash(source, server.url)).toEqual(HASHED);
  expect(server.sessions).toHaveLength(2);
});

test("where the first connection is closed without a word, as by a balancer with a dead member, a second one is tried", async () => {
  const server = await double((stream) => send(stream, HASH));
  await using balancer = await tcpBalancer(["http://127.0.0.1:1", server.url, server.url]);
  expect(await asked(balancer.url)).toEqual(HASHED);
  // The one that was made to look at the way, and the one for the call.
  expect(server.sessions).toHaveLength(2);
});

test("a renewed endpoint is reached by a connection of its own, and by one only, also where it fails", async () => {
  const server = await double((stream, call) => (call === 2 ? stream.session?.destroy() : send(stream, HASH)));
  using source = sourceOf({ endpoints: [server.url] });
  await hash(source, server.url);
  source.renew(server.url);
  expect(await failureOf(hash(source, server.url))).toMatchObject({ code: "etcd/unreachable" });
  expect(server.sessions).toHaveLength(2);
});

test("nothing is left open once it is closed", async () => {
  const server = await double((stream) => send(stream, HASH));
  const source = sourceOf({ endpoints: [server.url] });
  await hash(source, server.url);
  const [session] = server.sessions;
  if (session === undefined) throw new Error("no connection");
  const closed = once(session, "close");
  source.close();
  await closed;
  await expect(hash(source, server.url)).rejects.toThrow("was closed");
});
