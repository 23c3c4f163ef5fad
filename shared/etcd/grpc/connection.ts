import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";

import { isLifeboatError, messageOf } from "../../errors.ts";
import { within } from "../../within.ts";
import { callHeaders, originOf, statusIn } from "./call-headers.ts";
import { answerBytesOf, CALLS, pathOf, type Method } from "./calls.ts";
import { dial, type DialTarget } from "./dial.ts";
import { GRPC, type CallStatus } from "./errors.ts";
import { decode, MalformedMessage } from "./protobuf.ts";
import { silent } from "./sniff.ts";

/** A call whose answer is one message. */
export interface UnaryCall {
  readonly method: Method;
  /** The request's message. */
  readonly request: Uint8Array;
  readonly token: string | undefined;
}

/** How it ended: with a message as `decode` gives it, or without one. */
export type Outcome = { readonly message: unknown } | Failed;

export interface Failed {
  readonly status: CallStatus;
  /** Whether the server is known not to have seen the call, so that it may be made again. */
  readonly isUnseen: boolean;
}

const PREFIX_BYTES = 5;

/** A server took the connection, and did not say in HTTP/2 that it will take calls. */
export class NoHttp2 extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** One connection to a member, for many calls. */
export class Connection {
  readonly #line: DialTarget;
  readonly #opening: Promise<ClientHttp2Session>;
  /** Undefined until it stands. */
  #session: ClientHttp2Session | undefined;
  #holders = 0;
  #isRetired = false;

  /** Begins to connect. `signal` ends that, and nothing afterwards. */
  constructor(line: DialTarget, signal: AbortSignal | undefined) {
    this.#line = line;
    this.#opening = open(line, signal);
    void this.#watch();
  }

  /** Whether a new call may go over it, as far as is known. */
  get isUsable(): boolean {
    return !this.#isRetired && this.#session?.closed !== true && this.#session?.destroyed !== true;
  }

  /** Resolves once it stands. Rejects as `dial` does, and with NoHttp2 or `silent`. */
  async stands(): Promise<void> {
    await this.#opening;
  }

  /** Makes a call on a connection that stands, and gives it up when `stop` aborts. Never rejects. */
  async ask({ method, request, token }: UnaryCall, stop: AbortSignal): Promise<Outcome> {
    const session = await this.#opening;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(callHeaders(this.#line, pathOf(method), token));
    } catch (error) {
      // The session ended before its call began.
      return { status: { code: GRPC.UNAVAILABLE, message: messageOf(error) }, isUnseen: true };
    }
    stop.addEventListener("abort", () => stream.close(constants.NGHTTP2_CANCEL), { once: true });
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([prefix, request]));
    return outcomeOf(session, stream, method);
  }

  /** It is not closed before as many calls of `release`. */
  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    this.#endIfIdle();
  }

  /** Closed as soon as nobody holds it. */
  retire(): void {
    this.#isRetired = true;
    this.#endIfIdle();
  }

  async #watch(): Promise<void> {
    try {
      this.#session = await this.#opening;
    } catch {
      // Whoever waits for it hears of it.
      this.#isRetired = true;
    }
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (this.#isRetired && this.#holders === 0) this.#session?.destroy();
  }
}

async function open(line: DialTarget, signal: AbortSignal | undefined): Promise<ClientHttp2Session> {
  const socket = await dial(line, signal);
  const session = connect(originOf(line), { createConnection: () => socket, settings: { enablePush: false } });
  // Each call hears of it by its own stream.
  session.on("error", () => undefined);
  try {
    const { clock, connectMs, endpoint } = line;
    await within(
      { clock, ms: connectMs, signal },
      `connecting to ${endpoint.url}`,
      () => silent(line),
      async () => settingsOf(session, socket),
    );
    return session;
  } catch (error) {
    session.destroy();
    throw isLifeboatError(error) ? error : new NoHttp2(error);
  }
}

/** Resolves with the server's first frame, which says that it speaks HTTP/2, and over TLS that it took our certificate. */
async function settingsOf(session: ClientHttp2Session, socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  session.once("remoteSettings", () => resolve());
  session.once("error", reject);
  // The alert by which a server refuses our certificate after the handshake is told by the socket alone: the session waits for it to be closed.
  socket.once("error", (error) => {
    socket.destroy();
    reject(error);
  });
  session.once("close", () => reject(Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" })));
  return promise;
}

async function outcomeOf(session: ClientHttp2Session, stream: ClientHttp2Stream, method: Method): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const chunks: Buffer[] = [];
  const most = answerBytesOf(method);
  let bytes = 0;
  let status: CallStatus | undefined;
  let httpStatus: number | undefined;
  let broken: Error | undefined;
  stream.once("response", (headers) => {
    httpStatus = headers[":status"];
    // Undefined, but for gRPC's "trailers-only".
    status = statusIn(headers);
  });
  stream.once("trailers", (trailers: IncomingHttpHeaders) => {
    status = statusIn(trailers);
  });
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= most) chunks.push(chunk);
    else if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  });
  stream.on("error", (error: Error) => {
    broken = error;
  });
  stream.once("end", () => {
    if (status !== undefined) resolve(answered(status, chunks, method));
  });
  stream.once("close", () => {
    if (bytes > most) resolve(failed(GRPC.RESOURCE_EXHAUSTED, `its answer has more than ${most} bytes`));
    else if (status !== undefined) resolve(answered(status, chunks, method));
    else if (httpStatus !== undefined && httpStatus !== 200) resolve(failed(codeFor(httpStatus), `HTTP status ${httpStatus}`));
    else resolve(cut(session, stream.rstCode, broken));
  });
  return promise;
}

function failed(code: number, message: string): Failed {
  return { status: { code, message }, isUnseen: false };
}

function answered(status: CallStatus, chunks: readonly Buffer[], method: Method): Outcome {
  if (status.code !== 0) return { status, isUnseen: false };
  try {
    return { message: decode(bodyOf(Buffer.concat(chunks)), CALLS[method].answer) };
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return failed(GRPC.INTERNAL, `its answer cannot be read: ${error.message}`);
  }
}

/** What a stream holds that has one message: a byte for "not compressed", four for the length, and the message. */
function bodyOf(bytes: Buffer): Uint8Array {
  if (bytes.length < PREFIX_BYTES || bytes.readUInt32BE(1) !== bytes.length - PREFIX_BYTES)
    throw new MalformedMessage("it is not one message");
  if (bytes[0] !== 0) throw new MalformedMessage("it is compressed, which was not asked for");
  return bytes.subarray(PREFIX_BYTES);
}

/** A stream that ended without gRPC's status. */
function cut(session: ClientHttp2Session, rstCode: number, broken: Error | undefined): Failed {
  switch (rstCode) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return { status: { code: GRPC.UNAVAILABLE, message: "the server took no more calls" }, isUnseen: true };
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return failed(GRPC.RESOURCE_EXHAUSTED, "the server asked for fewer calls");
  }
  if (session.destroyed) return failed(GRPC.UNAVAILABLE, "the connection was closed");
  if (rstCode !== constants.NGHTTP2_NO_ERROR) return failed(GRPC.INTERNAL, `etcd or a proxy reset it (HTTP/2 code ${rstCode})`);
  return failed(GRPC.INTERNAL, broken === undefined ? "it ended without etcd's final status" : messageOf(broken));
}

/** gRPC's code for an HTTP status of something between us and etcd (grpc/grpc, doc/http-grpc-status-mapping.md). */
function codeFor(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return GRPC.INTERNAL;
    case 401:
      return GRPC.UNAUTHENTICATED;
    case 403:
      return GRPC.PERMISSION_DENIED;
    case 404:
      return GRPC.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC.UNAVAILABLE;
    default:
      return GRPC.UNKNOWN;
  }
}
