import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";

import type { Block } from "../../blocks.ts";
import { LifeboatError, messageOf } from "../../errors.ts";
import type { StreamLimits } from "../etcd-source.ts";
import { BlockQueue } from "./block-queue.ts";
import { DataTap } from "./data-tap.ts";
import { callHeaders, originOf, statusIn } from "./call-headers.ts";
import { dial, type DialTarget } from "./dial.ts";
import { printable, refusal, type CallAbout, type CallStatus } from "./errors.ts";
import { explain, probe } from "./explain.ts";
import { SnapshotFrames } from "./grpc-frames.ts";
import { interrupted } from "../../within.ts";

/**
 * `etcdserverpb.Maintenance/Snapshot` over node:http2, without grpc-js: it halves the CPU of receiving, and it brings what etcd3's own call leaves out (the token,
 * back-pressure, telling a cut stream from a whole one).
 */

/** On the stream and on the connection. HTTP/2's 64 KiB make etcd wait for us at every link that has a delay, and cost it twice the CPU on loopback. */
const WINDOW_BYTES = 32 * 1024 * 1024;
/** A gRPC message of no bytes: SnapshotRequest has no fields. */
const EMPTY_MESSAGE = Buffer.alloc(5);

export interface SnapshotRequest {
  readonly line: DialTarget;
  readonly about: CallAbout;
  readonly token: string | undefined;
  readonly limits: StreamLimits;
  readonly signal: AbortSignal | undefined;
}

/** A refusal that came in place of the stream, in etcd's words: see `refusal`. */
export class SnapshotRefused extends Error {
  override readonly name = "SnapshotRefused";
  readonly status: CallStatus;

  constructor(status: CallStatus) {
    super(status.message);
    this.status = status;
  }
}

/** A snapshot on its way. `close` must be called, however it ends. */
export class SnapshotCall {
  readonly #request: SnapshotRequest;
  readonly #socket: Socket;
  readonly #tap: DataTap;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #queue: BlockQueue;
  readonly #frames = new SnapshotFrames();
  readonly #cleanups: (() => void)[] = [];
  #status: CallStatus | undefined;
  #answered = false;

  /** Connects and asks. Rejects as `dial` and `explain` do. The total limit begins here. */
  static async open(request: SnapshotRequest): Promise<SnapshotCall> {
    const { line, signal, limits } = request;
    const startedMs = line.clock.monotonicMs();
    try {
      const tap = new DataTap();
      const socket = await dial({ ...line, connectMs: Math.min(line.connectMs, limits.totalMs) }, signal, tap.onread);
      return new SnapshotCall(request, socket, tap, limits.totalMs - (line.clock.monotonicMs() - startedMs));
    } catch (error) {
      throw await explain(line, error, signal);
    }
  }

  private constructor(request: SnapshotRequest, socket: Socket, tap: DataTap, totalMs: number) {
    this.#request = request;
    this.#socket = socket;
    this.#tap = tap;
    tap.attach(socket);
    const { line, limits, signal, token } = request;
    const { clock } = line;
    const { url } = line.endpoint;
    this.#session = connect(originOf(line), {
      createConnection: () => tap.connection,
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
    this.#session.once("connect", () => this.#session.setLocalWindowSize(WINDOW_BYTES));
    this.#session.on("error", (error: Error) => this.#lost(error));
    this.#stream = this.#session.request(callHeaders(line, "/etcdserverpb.Maintenance/Snapshot", token));
    this.#queue = new BlockQueue({ clock, ms: limits.idleMs, expired: () => stalled(url, limits.idleMs, this.#frames.blobBytes) }, (full) =>
      full ? tap.pause() : tap.resume(),
    );
    this.#listen();
    this.#cleanups.push(clock.after(totalMs, () => this.#queue.fail(overdue(url, limits.totalMs, this.#frames.blobBytes))));
    if (signal !== undefined) {
      const onAbort = (): void => this.#queue.fail(interrupted(signal, `receiving a snapshot from ${url}`));
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      this.#cleanups.push(() => signal.removeEventListener("abort", onAbort));
    }
    this.#stream.end(EMPTY_MESSAGE);
  }

  /**
   * The next block; undefined once etcd said that all was sent. Rejects with SnapshotRefused where etcd refused before the first
   * byte, and as the port says.
   */
  async take(): Promise<Block | undefined> {
    try {
      return await this.#queue.take();
    } catch (error) {
      if (error instanceof Unexplained) throw await this.#explained(error.cause);
      throw error;
    }
  }

  /** Closes stream, session and socket. Resolves when the socket is closed. */
  async close(): Promise<void> {
    for (const cleanup of this.#cleanups) cleanup();
    this.#stream.on("error", () => undefined);
    this.#stream.destroy();
    this.#session.destroy();
    if (this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
    });
    this.#socket.destroy();
    await closed;
  }

  #listen(): void {
    const stream = this.#stream;
    stream.once("response", (headers) => this.#response(headers));
    stream.once("trailers", (trailers: IncomingHttpHeaders) => {
      this.#status = statusIn(trailers);
    });
    // Without its data, which the tap takes out.
    stream.resume();
    stream.once("end", () => this.#end());
    stream.on("error", (error: Error) => this.#lost(error));
    stream.once("close", () => this.#cutShort(stream.readableEnded ? "it ended without etcd's final status" : "the connection was closed"));
  }

  #response(headers: IncomingHttpHeaders & { ":status"?: number }): void {
    this.#answered = true;
    const { url } = this.#request.line.endpoint;
    const httpStatus = headers[":status"];
    const type = headers["content-type"] ?? "";
    if (httpStatus !== 200 || !type.startsWith("application/grpc")) {
      const what = httpStatus === 200 ? `content of type ${JSON.stringify(printable(type))}` : `HTTP status ${httpStatus}`;
      this.#queue.fail(
        new LifeboatError("etcd/stream", `${url} answered with ${what}, which is not etcd's`, {
          hint: "check that the endpoint is etcd's own address for clients, or a proxy that passes gRPC on",
        }),
      );
      return;
    }
    this.#tap.open((bytes) => this.#data(bytes));
    // gRPC's "trailers-only": the answer ends with its headers.
    this.#status = statusIn(headers);
  }

  #data(bytes: Uint8Array): void {
    try {
      this.#frames.push(bytes, (piece) => this.#queue.push(piece));
    } catch (error) {
      this.#malformed(error);
    }
  }

  #end(): void {
    const status = this.#status;
    // Cut, then: why is known when the stream closes.
    if (status === undefined) return;
    if (status.code !== 0) {
      const { about, line } = this.#request;
      const words = printable(status.message) || `gRPC status ${status.code}`;
      this.#queue.fail(
        this.#frames.blobBytes === 0
          ? new SnapshotRefused(status)
          : cut(line.endpoint.url, this.#frames.blobBytes, words, refusal(status, about)),
      );
      return;
    }
    try {
      this.#frames.finish();
      this.#queue.end();
    } catch (error) {
      this.#malformed(error);
    }
  }

  /** HTTP/2 has a code for why a stream was reset, which says more than that it was. */
  #cutShort(why: string): void {
    const code = this.#stream.rstCode;
    const error = new Error(code === constants.NGHTTP2_NO_ERROR ? why : `etcd or a proxy reset it (HTTP/2 code ${code})`);
    this.#lost(Object.assign(error, { code: "ECONNRESET" }));
  }

  #malformed(error: unknown): void {
    this.#queue.fail(cut(this.#request.line.endpoint.url, this.#frames.blobBytes, messageOf(error), error));
  }

  /** The connection or the stream went away. Before an answer the reason may be TLS's, and is looked for; after it there is no more to say. */
  #lost(error: Error): void {
    const { url } = this.#request.line.endpoint;
    const answered = this.#answered || this.#tap.hasAnswer;
    this.#queue.fail(answered ? cut(url, this.#frames.blobBytes, printable(error.message), error) : new Unexplained(error));
  }

  async #explained(error: unknown): Promise<LifeboatError> {
    const { line, signal } = this.#request;
    // A write that fails keeps us from reading the alert by which the server refused our certificate.
    const isBrokenWrite = error instanceof Error && "code" in error && (error.code === "EPIPE" || error.code === "ECONNRESET");
    const refused = isBrokenWrite && line.endpoint.secure ? await probe(line, signal) : undefined;
    return refused ?? explain(line, error, signal);
  }
}

/** Carries what was thrown until there is time to ask why. */
class Unexplained extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function cut(url: string, bytes: number, why: string, cause: unknown): LifeboatError {
  return new LifeboatError("etcd/stream", `the snapshot from ${url} was cut after ${bytes} bytes: ${why}`, {
    cause,
    hint: "try again, or another member",
  });
}

function stalled(url: string, idleMs: number, bytes: number): LifeboatError {
  return new LifeboatError(
    "etcd/stalled",
    `the snapshot from ${url} stalled: nothing was received for ${idleMs} ms, after ${bytes} bytes`,
    {
      hint: "check the member and the network to it, or allow more idle time",
    },
  );
}

function overdue(url: string, totalMs: number, bytes: number): LifeboatError {
  return new LifeboatError("etcd/timeout", `the snapshot from ${url} did not finish within ${totalMs} ms: ${bytes} bytes were received`, {
    hint: "allow more time in total, or use a member that is nearer",
  });
}
