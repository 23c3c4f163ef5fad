import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";

import type { Clock } from "../../clock.ts";
import { LifeboatError } from "../../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { TlsIdentity } from "./identity.ts";
import { within } from "../../within.ts";

/** What every connection to one endpoint needs. */
export interface DialTarget {
  readonly endpoint: Endpoint;
  readonly tls: TlsIdentity;
  readonly clock: Clock;
  readonly connectMs: number;
}

/**
 * A connection to the endpoint; over TLS one whose server is known, for HTTP/2. Rejects with what node:net or node:tls threw (see explain.ts),
 * with `etcd/timeout` or with `interrupted`. `onread` takes what comes in place of the socket's readable side.
 */
export async function dial(line: DialTarget, signal?: AbortSignal, onread?: OnReadOpts): Promise<Socket> {
  if (!line.endpoint.secure)
    return within(
      patience(line, signal),
      `connecting to ${line.endpoint.url}`,
      () => noConnection(line),
      (stop) => dialTcp(line, stop, onread),
    );
  return dialTls(line, true, signal, onread);
}

/** The same without asking who the server is, to look at what it shows. Nothing is ever written to it. */
export async function dialUnverified(line: DialTarget, signal?: AbortSignal): Promise<TLSSocket> {
  return dialTls(line, false, signal);
}

/** The error of a connection that did not stand in time. */
export function noConnection(line: DialTarget): LifeboatError {
  return new LifeboatError("etcd/timeout", `${line.endpoint.url} did not accept a connection within ${line.connectMs} ms`, {
    hint: "check that the member is alive and that no firewall drops the packets on the way",
  });
}

function patience(line: DialTarget, signal: AbortSignal | undefined): { clock: Clock; ms: number; signal: AbortSignal | undefined } {
  return { clock: line.clock, ms: line.connectMs, signal };
}

async function dialTcp({ endpoint }: DialTarget, stop: AbortSignal, onread: OnReadOpts | undefined): Promise<Socket> {
  const socket = connectTcp({ host: endpoint.host, port: endpoint.port, noDelay: true, onread });
  return standing(socket, "connect", stop);
}

async function dialTls(
  line: DialTarget,
  rejectUnauthorized: boolean,
  signal: AbortSignal | undefined,
  onread?: OnReadOpts,
): Promise<TLSSocket> {
  return within(
    patience(line, signal),
    `connecting to ${line.endpoint.url}`,
    () => noConnection(line),
    async (stop) => standing(startTls(line, rejectUnauthorized, { port: line.endpoint.port, onread }), "secureConnect", stop),
  );
}

/** TLS on a connection that stands already, as `dial` would have it. */
export async function secured(line: DialTarget, socket: Socket): Promise<TLSSocket> {
  return within(
    patience(line, undefined),
    `connecting to ${line.endpoint.url}`,
    () => noConnection(line),
    async (stop) => standing(startTls(line, true, { socket }), "secureConnect", stop),
  );
}

/** A connection of its own, or one over a socket that stands. @types/node does not know that tls.connect takes `onread` as net.connect does. */
type Under = { readonly port: number; readonly onread: OnReadOpts | undefined } | { readonly socket: Socket };

function startTls({ endpoint, tls }: DialTarget, rejectUnauthorized: boolean, under: Under): TLSSocket {
  const options: ConnectionOptions & Under = {
    ...under,
    host: endpoint.host,
    secureContext: tls.context,
    // An IP address is no server name (RFC 6066); Node checks it against the certificate all the same, by `host`.
    servername: tls.serverName ?? (isIP(endpoint.host) > 0 ? "" : endpoint.host),
    ALPNProtocols: ["h2"],
    rejectUnauthorized,
  };
  const socket = connectTls(options);
  return "socket" in under ? socket : socket.setNoDelay(true);
}

/** `socket` once it has emitted `event`; destroyed where it fails or `stop` aborts before. */
async function standing<S extends Socket>(socket: S, event: "connect" | "secureConnect", stop: AbortSignal): Promise<S> {
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  const onClose = (): void => reject(Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" }));
  const onStop = (): void => reject(new Error("stopped"));
  socket.once(event, () => resolve(socket));
  socket.once("error", reject);
  socket.once("close", onClose);
  stop.addEventListener("abort", onStop, { once: true });
  // An error may come when nobody listens yet or any more, and one without a listener would end the process.
  socket.on("error", () => undefined);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    socket.removeListener("error", reject);
    socket.removeListener("close", onClose);
    stop.removeEventListener("abort", onStop);
  }
}
