import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import { buffer } from "node:stream/consumers";

/** Stands before a service of AWS that speaks JSON, and answers in its place or changes what it is asked. */
export interface AwsProxy extends AsyncDisposable {
  readonly endpoint: string;
  readonly refused: number;
  /** The operations asked for so far, such as Encrypt, those that were refused among them. */
  readonly calls: readonly string[];
  /** After `passing` more calls, the next `count` are answered with this error. */
  refuse(count: number, name: string, status: number, passing?: number): void;
  /** Changes what is passed on. */
  rewrite(change: (body: string) => string): void;
}

export async function awsProxy(upstream: string): Promise<AwsProxy> {
  const calls: string[] = [];
  const state = { passing: 0, left: 0, refused: 0, name: "", status: 200, change: (body: string): string => body };
  const server: Server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = state.change((await buffer(incoming)).toString());
      calls.push(String(incoming.headers["x-amz-target"]).split(".").at(-1) ?? "");
      if (state.passing > 0) state.passing--;
      else if (state.left > 0) {
        state.left--;
        state.refused++;
        outgoing.writeHead(state.status, { "content-type": "application/x-amz-json-1.1" });
        outgoing.end(JSON.stringify({ __type: state.name, message: "no" }));
        return;
      }
      const headers = { ...incoming.headers, "content-length": String(Buffer.byteLength(body)) };
      const options = { method: incoming.method, headers, agent: false };
      const passed = request(new URL(incoming.url ?? "/", upstream), options, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      passed.once("error", () => outgoing.destroy());
      passed.end(body);
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    get refused() {
      return state.refused;
    },
    calls,
    refuse: (left, name, status, passing = 0) => void Object.assign(state, { left, name, status, passing }),
    rewrite: (change) => void Object.assign(state, { change }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
