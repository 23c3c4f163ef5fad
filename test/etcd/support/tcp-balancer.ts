import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** One port before several servers: each connection goes to the next of them, whether that one answers or not. */
export interface TcpBalancer extends AsyncDisposable {
  /** With the scheme of the first server. */
  readonly url: string;
}

export async function tcpBalancer(urls: readonly string[]): Promise<TcpBalancer> {
  const targets = urls.map((url) => new URL(url));
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer((client) => {
    const target = targets[turn % targets.length];
    if (target === undefined) throw new Error("there is nobody behind this balancer");
    turn += 1;
    const upstream = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the balancer has no port");
  return {
    url: `${targets[0]?.protocol}//127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
