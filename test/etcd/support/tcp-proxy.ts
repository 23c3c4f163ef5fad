import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A way to an endpoint that can be cut or stalled. Counts what the server sent through it. */
export interface TcpProxy extends AsyncDisposable {
  /** The endpoint's URL with our port. */
  readonly url: string;
  readonly bytesFromServer: () => number;
  /** Of clients that are connected now. */
  readonly connections: () => number;
  /** Ends the fault, or keeps it from beginning: what was held goes on, and new connections are served. */
  mend(): void;
}

export interface ProxyFault {
  /** Reset every connection once the server has sent so many bytes. */
  readonly cutAfter?: number;
  /** Pass on nothing from then on, and keep the connections. */
  readonly stallAfter?: number;
  /** Called once, when the fault begins. */
  readonly onFault?: () => void;
}

export async function tcpProxy(url: string, fault: ProxyFault = {}, host = "127.0.0.1"): Promise<TcpProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let fromServer = 0;
  let state: "well" | "faulty" | "mended" = "well";
  let held: (() => void)[] = [];
  const isFaulty = (limit: number | undefined): boolean => {
    if (state === "mended" || limit === undefined || fromServer <= limit) return false;
    if (state === "well") fault.onFault?.();
    state = "faulty";
    return true;
  };
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    clients.add(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        clients.delete(socket);
        other.destroy();
      });
    }
    client.pipe(upstream);
    const passOn = (chunk: Buffer): void => {
      if (!client.write(chunk)) {
        upstream.pause();
        client.once("drain", () => upstream.resume());
      } else if (upstream.isPaused()) upstream.resume();
    };
    upstream.on("data", (chunk: Buffer) => {
      fromServer += chunk.length;
      if (isFaulty(fault.cutAfter)) {
        client.resetAndDestroy();
        return;
      }
      if (isFaulty(fault.stallAfter)) {
        upstream.pause();
        held.push(() => passOn(chunk));
      } else passOn(chunk);
    });
  });
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `${target.protocol}//${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    bytesFromServer: () => fromServer,
    connections: () => clients.size,
    mend() {
      state = "mended";
      for (const goOn of held) goOn();
      held = [];
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
