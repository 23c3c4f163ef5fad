import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";

import type { DialTarget } from "./dial.ts";
import type { CallStatus } from "./errors.ts";

/** What a gRPC call and its answer say in HTTP/2's headers (grpc/grpc, doc/PROTOCOL-HTTP2.md). */

export function callHeaders({ endpoint, tls }: DialTarget, path: string, token: string | undefined): OutgoingHttpHeaders {
  return {
    ":method": "POST",
    ":scheme": endpoint.secure ? "https" : "http",
    ":authority": endpoint.secure && tls.serverName !== undefined ? tls.serverName : endpoint.authority,
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "etcd-lifeboat",
    ...(token === undefined ? {} : { token }),
  };
}

/** For node:http2, whose connection is made by `dial`. */
export function originOf({ endpoint }: DialTarget): string {
  return `${endpoint.secure ? "https" : "http"}://${endpoint.authority}`;
}

/** gRPC's status from trailers, or from headers that are trailers as well; undefined where it is not there. */
export function statusIn(headers: IncomingHttpHeaders): CallStatus | undefined {
  const code = headers["grpc-status"];
  if (typeof code !== "string" || !/^\d{1,3}$/.test(code)) return undefined;
  const message = headers["grpc-message"];
  return { code: Number(code), message: typeof message === "string" ? percentDecoded(message) : "" };
}

/** gRPC over HTTP/2: Percent-Encoded status messages; what does not decode is taken as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
