import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/**
 * So much may be on its way in one direction; a sender that is faster than its receiver is held back past it. At 15 ms it allows 4 GB/s, so that what
 * slows a transfer down is the delay and never this.
 */
const IN_FLIGHT_BYTES = 64 * 1024 * 1024;

export interface DelayProxy extends AsyncDisposable {
  readonly port: number;
  /** Bytes that came from the target so far. */
  readonly received: () => number;
  close(): Promise<void>;
}

/**
 * A TCP proxy on loopback to `targetPort` on loopback, which hands every byte on `delayMs` after it came, in both directions: a link with that one-way delay and all
 * the bandwidth there is. TCP itself does not feel it (each half is a connection without delay); what is agreed end to end does, as are
 * HTTP/2's windows and TLS's handshake.
 */
export async function startDelayProxy(targetPort: number, delayMs: number): Promise<DelayProxy> {
  const sockets = new Set<Socket>();
  let received = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    target.on("data", (bytes) => (received += bytes.length));
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.once("close", () => sockets.delete(socket));
      handOn(socket, other, delayMs);
    }
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  // A TCP server's address is never a path.
  const { port } = server.address() as AddressInfo;
  return { port, received: () => received, close, [Symbol.asyncDispose]: close };
}

interface OnItsWay {
  readonly dueMs: number;
  /** Undefined is the end of the stream. */
  readonly bytes: Buffer | undefined;
}

/** One direction. */
function handOn(from: Socket, to: Socket, delayMs: number): void {
  let onTheirWay: OnItsWay[] = [];
  let inFlight = 0;
  let timer: NodeJS.Timeout | undefined;

  const arrived = (bytes: number): void => {
    inFlight -= bytes;
    if (inFlight < IN_FLIGHT_BYTES && from.isPaused()) from.resume();
  };
  const deliver = (): void => {
    timer = undefined;
    const now = performance.now();
    const later = onTheirWay.findIndex(({ dueMs }) => dueMs > now);
    const due = later === -1 ? onTheirWay : onTheirWay.slice(0, later);
    onTheirWay = later === -1 ? [] : onTheirWay.slice(later);
    to.cork();
    for (const { bytes } of due) {
      if (bytes === undefined) to.end();
      else to.write(bytes, () => arrived(bytes.length));
    }
    to.uncork();
    schedule();
  };
  const schedule = (): void => {
    const [next] = onTheirWay;
    if (next !== undefined) timer ??= setTimeout(deliver, Math.max(1, next.dueMs - performance.now()));
  };
  const send = (bytes: Buffer | undefined): void => {
    onTheirWay.push({ dueMs: performance.now() + delayMs, bytes });
    schedule();
  };

  from.on("data", (bytes) => {
    inFlight += bytes.length;
    if (inFlight >= IN_FLIGHT_BYTES) from.pause();
    send(bytes);
  });
  from.once("end", () => send(undefined));
  to.once("close", () => {
    clearTimeout(timer);
    onTheirWay = [];
    // One that said all that it had may still be told what is on its way to it.
    if (!from.readableEnded) from.destroy();
  });
}
