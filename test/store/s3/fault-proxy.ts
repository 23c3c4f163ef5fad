import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";

/** What goes wrong with one request. */
export const FAULTS = [
  /** The connection is reset before the server hears of it. */
  "cut",
  /** The server has done it, and the connection is reset before the answer. */
  "lost answer",
  /** The connection is reset in the middle of the answer. */
  "half an answer",
  /** Nothing comes, ever. */
  "stall",
  "500",
  "503 SlowDown",
  /** The answer waits for most of what a client waits. */
  "slow first byte",
  /** The server gets it twice; the second answer comes back. */
  "duplicate",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** The requests so far, in order, by the names of S3's operations. */
  readonly calls: string[];
  /** Whether what was injected last has hit. */
  readonly hits: number;
  /** From now on `fault` hits the call of that name with that ordinal (from 1) and those after it, `times` in all. */
  inject(operation: string, ordinal: number, fault: Fault, times?: number): void;
  /** Nothing more goes wrong, and the calls are counted from nought. */
  mend(): void;
}

/**
 * A way to an S3 server, by http, on which requests fail as they are told. The Host header stays, since it is signed. `without` are headers that do not
 * reach the server, `onRequest` sees each request.
 */
export async function faultProxy(
  target: string,
  slowMs: number,
  without: readonly string[] = [],
  onRequest: (incoming: IncomingMessage) => void = () => undefined,
): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  let plan: { operation: string; ordinal: number; fault: Fault; left: number } | undefined;
  const state = { hits: 0, calls: new Array<string>() };
  const seen = new Map<string, number>();

  const forward = async (incoming: IncomingMessage, body: Buffer): Promise<{ answer: IncomingMessage; bytes: Buffer }> => {
    const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !without.includes(name)));
    const outgoing = request({
      host: hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers,
      agent: false,
    });
    outgoing.end(body);
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    return { answer, bytes: await buffer(answer) };
  };

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    onRequest(incoming);
    const operation = operationOf(incoming);
    const ordinal = (seen.get(operation) ?? 0) + 1;
    seen.set(operation, ordinal);
    state.calls.push(operation);
    const hit = plan !== undefined && plan.operation === operation && ordinal >= plan.ordinal && plan.left > 0;
    const fault = hit ? plan?.fault : undefined;
    if (hit && plan !== undefined) {
      plan.left -= 1;
      state.hits += 1;
    }
    if (fault === "cut") {
      incoming.socket.resetAndDestroy();
      return;
    }
    const body = await buffer(incoming);
    if (fault === "stall") return;
    if (fault === "500" || fault === "503 SlowDown") {
      const [status, code] = fault === "500" ? [500, "InternalError"] : [503, "SlowDown"];
      outgoing.writeHead(status, { "content-type": "application/xml" });
      outgoing.end(
        incoming.method === "HEAD" ? undefined : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Injected.</Message></Error>`,
      );
      return;
    }
    if (fault === "duplicate") await forward(incoming, body);
    const { answer, bytes } = await forward(incoming, body);
    if (fault === "lost answer") {
      incoming.socket.resetAndDestroy();
      return;
    }
    const reply = (): void => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      if (fault !== "half an answer") outgoing.end(bytes);
      else outgoing.write(bytes.subarray(0, bytes.length / 2), () => incoming.socket.resetAndDestroy());
    };
    if (fault === "slow first byte") setTimeout(reply, slowMs);
    else reply();
  };

  const server = createServer((incoming, outgoing) => {
    // A client that goes away in the middle is one of the faults.
    serve(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get calls() {
      return state.calls;
    },
    get hits() {
      return state.hits;
    },
    inject(operation, ordinal, fault, times = 1) {
      plan = { operation, ordinal, fault, left: times };
      state.hits = 0;
    },
    mend() {
      plan = undefined;
      state.calls = [];
      seen.clear();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html, those that the store uses. */
function operationOf({ method, url }: IncomingMessage): string {
  const query = new URL(url ?? "/", "http://localhost").searchParams;
  const has = (name: string): boolean => query.has(name);
  if (method === "POST") return has("uploads") ? "CreateMultipartUpload" : "CompleteMultipartUpload";
  if (method === "PUT") return has("partNumber") ? "UploadPart" : "PutObject";
  if (method === "DELETE") return has("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
  if (method === "HEAD") return "HeadObject";
  if (has("versions")) return "ListObjectVersions";
  return has("list-type") ? "ListObjectsV2" : has("uploads") ? "ListMultipartUploads" : has("uploadId") ? "ListParts" : "GetObject";
}
