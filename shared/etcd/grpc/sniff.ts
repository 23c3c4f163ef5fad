import type { Socket } from "node:net";

import { LifeboatError, isLifeboatError } from "../../errors.ts";
import { dial, dialUnverified, type DialTarget } from "./dial.ts";
import { within } from "../../within.ts";

/** Looking at what a server speaks, by a connection made for it. */

/** RFC 9113, section 3.4: the client's preface and an empty SETTINGS frame. A server answers with SETTINGS of its own. */
const PREFACE = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
const FRAME_HEADER_BYTES = 9;
const SETTINGS_FRAME = 4;

/** Whether the server of a connection that stands speaks HTTP/2. Rejects as `dial` does, also where it refuses our certificate after the handshake. */
export async function speaksHttp2(line: DialTarget, signal?: AbortSignal): Promise<boolean> {
  return answersHttp2(line, await dial(line, signal), signal);
}

/** Whether a server that is configured as https answers plain HTTP/2. */
export async function speaksPlainHttp2(line: DialTarget, signal?: AbortSignal): Promise<boolean> {
  const plain = { ...line, endpoint: { ...line.endpoint, secure: false } };
  try {
    return await speaksHttp2(plain, signal);
  } catch {
    return false;
  }
}

/** Whether a server that is configured as http answers a TLS handshake, be it by refusing it in TLS's own words. */
export async function speaksTls(line: DialTarget, signal?: AbortSignal): Promise<boolean> {
  try {
    const socket = await dialUnverified({ ...line, endpoint: { ...line.endpoint, secure: true } }, signal);
    socket.destroy();
    return true;
  } catch (error) {
    return !isLifeboatError(error) && error instanceof Error && "code" in error && /_ALERT_/.test(String(error.code));
  }
}

/** The error of a server that takes a connection and does not say in time that it speaks HTTP/2. */
export function silent({ endpoint, connectMs }: DialTarget): LifeboatError {
  return new LifeboatError("etcd/timeout", `${endpoint.url} accepts connections and then does not answer within ${connectMs} ms`, {
    hint: "check whether the member hangs",
  });
}

async function answersHttp2(line: DialTarget, socket: Socket, signal: AbortSignal | undefined): Promise<boolean> {
  const { endpoint, clock, connectMs } = line;
  try {
    return await within(
      { clock, ms: connectMs, signal },
      `probing ${endpoint.url}`,
      () => silent(line),
      async () => {
        socket.write(PREFACE);
        const head = await firstBytes(socket, FRAME_HEADER_BYTES);
        return head[3] === SETTINGS_FRAME;
      },
    );
  } finally {
    socket.destroy();
  }
}

async function firstBytes(socket: Socket, bytes: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let head = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    head = Buffer.concat([head, chunk.subarray(0, bytes)]);
    if (head.length >= bytes) resolve(head);
  });
  socket.once("error", reject);
  socket.once("close", () => reject(Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" })));
  return promise;
}
