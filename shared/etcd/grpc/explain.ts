import type { X509Certificate } from "node:crypto";

import { LifeboatError, isLifeboatError, messageOf } from "../../errors.ts";
import { dialUnverified, type DialTarget } from "./dial.ts";
import { printable } from "./errors.ts";
import { speaksHttp2, speaksPlainHttp2, speaksTls } from "./sniff.ts";

const UNTRUSTED = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "INVALID_CA",
]);

/** What OpenSSL says of an answer that is no TLS at all: https to a plain port. */
const NOT_TLS = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_UNEXPECTED_MESSAGE",
]);

const OTHER_TLS = new Set([
  "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  "ERR_SSL_UNSUPPORTED_PROTOCOL",
  "ERR_SSL_NO_PROTOCOLS_AVAILABLE",
  "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
]);

const NETWORK: Record<string, string> = {
  ECONNRESET: "the connection was closed",
  EPIPE: "the connection was closed",
  ERR_STREAM_PREMATURE_CLOSE: "the connection was closed",
  ENOTFOUND: "host not found",
  EAI_AGAIN: "the DNS server does not answer",
  EHOSTUNREACH: "no route to that host",
  ENETUNREACH: "no route to that network",
  ETIMEDOUT: "the host does not answer",
};

/** What node:net, node:tls or node:http2 threw on a connection to `line`, as the error of the port. Looks again at the server where the reason is not in it. */
export async function explain(line: DialTarget, error: unknown, signal?: AbortSignal): Promise<LifeboatError> {
  if (isLifeboatError(error)) return error;
  const code = codeOf(error);
  const { url, secure } = line.endpoint;
  if (code === "ECONNREFUSED") {
    return new LifeboatError("etcd/unreachable", `${url} refused the connection`, {
      cause: error,
      hint: "check that etcd runs there, and that this is its address for clients (port 2379 unless set otherwise)",
    });
  }
  if (secure) {
    const tls = (await aboutServer(line, code, error, signal)) ?? aboutClient(line, code, error);
    if (tls !== undefined) return tls;
    if ((code === "ECONNRESET" || code.startsWith("ERR_SSL_")) && (await speaksPlainHttp2(line, signal))) {
      return new LifeboatError("etcd/tls", `${url} is configured as https and answers plain http`, {
        cause: error,
        hint: `write it as http://${line.endpoint.authority}, or start etcd with --cert-file and --key-file`,
      });
    }
    if (NOT_TLS.has(code)) {
      return new LifeboatError("etcd/tls", `${url} is configured as https, and what answers there does not speak TLS`, {
        cause: error,
        hint: `check host and port; where etcd serves without TLS, write it as http://${line.endpoint.authority}`,
      });
    }
    if (OTHER_TLS.has(code)) {
      return new LifeboatError("etcd/tls", `${url} and this machine have no version or cipher of TLS in common`, {
        cause: error,
        hint: "see etcd's --tls-min-version, --tls-max-version and --cipher-suites, or what stands in front of it",
      });
    }
    if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) {
      return new LifeboatError("etcd/tls", `no TLS connection to ${url}: ${printable(reasonOf(error))}`, {
        cause: error,
        hint: "check host and port, and that etcd serves its clients there by TLS",
      });
    }
  } else if (!(code in NETWORK && code !== "ECONNRESET" && code !== "EPIPE") && (await speaksTls(line, signal))) {
    return new LifeboatError("etcd/tls", `${url} is configured as plain http and speaks TLS`, {
      cause: error,
      hint: `write it as https://${line.endpoint.authority} and set tls.ca`,
    });
  }
  return new LifeboatError("etcd/unreachable", `${url} cannot be reached: ${NETWORK[code] ?? printable(messageOf(error))}`, {
    cause: error,
    hint: "check the endpoint's name and port, and that the member is alive",
  });
}

/** What is wrong with the way to the endpoint, where a library hides the reason; undefined where nothing is, up to its answering in HTTP/2. */
export async function probe(line: DialTarget, signal?: AbortSignal): Promise<LifeboatError | undefined> {
  try {
    if (await speaksHttp2(line, signal)) return undefined;
    return new LifeboatError("etcd/unreachable", `${line.endpoint.url} does not speak HTTP/2, so it is not etcd`, {
      hint: "check host and port: this must be etcd's address for clients",
    });
  } catch (error) {
    return explain(line, error, signal);
  }
}

/** The error of a server's certificate that did not verify. */
async function aboutServer(line: DialTarget, code: string, error: unknown, signal?: AbortSignal): Promise<LifeboatError | undefined> {
  const { url } = line.endpoint;
  if (UNTRUSTED.has(code)) {
    const shown = await shownCertificate(line, signal);
    const issuer = shown === undefined ? "" : ` (its issuer is ${oneLine(shown.issuer)})`;
    return new LifeboatError(
      "etcd/tls",
      `the certificate of ${url} is not signed by ${line.tls.ownCa ? "tls.ca" : "a CA that this machine trusts"}${issuer}`,
      {
        cause: error,
        hint: "set tls.ca to the CA that signed etcd's --cert-file",
      },
    );
  }
  if (code === "CERT_HAS_EXPIRED") {
    const until = (await shownCertificate(line, signal))?.validToDate;
    const which =
      until !== undefined && until < line.clock.now()
        ? `the certificate of ${url} expired on ${until.toISOString()}`
        : `a certificate above that of ${url} expired`;
    return new LifeboatError("etcd/tls", which, {
      cause: error,
      hint: "renew etcd's --cert-file: a running etcd takes the new one by itself",
    });
  }
  if (code === "CERT_NOT_YET_VALID") {
    const from = (await shownCertificate(line, signal))?.validFromDate;
    const when = from === undefined ? "" : ` before ${from.toISOString()}`;
    return new LifeboatError("etcd/tls", `the certificate of ${url} is not valid yet${when}`, {
      cause: error,
      hint: "check the clocks of this machine and of the CA",
    });
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const shown = await shownCertificate(line, signal);
    const names = printable(shown?.subjectAltName ?? "") || "no name at all";
    return new LifeboatError(
      "etcd/tls",
      `the certificate of ${url} is not for ${line.tls.serverName ?? line.endpoint.host}: it names ${names}`,
      {
        cause: error,
        hint: "use such a name in the endpoint, or set tls.serverName to one of them",
      },
    );
  }
  return undefined;
}

/** The error of a server that does not take our certificate, or misses it. It tells by an alert, in TLS 1.3 after the handshake. */
function aboutClient(line: DialTarget, code: string, error: unknown): LifeboatError | undefined {
  const alert =
    /_ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)$/.exec(
      code,
    )?.[1];
  if (alert === undefined || (alert === "HANDSHAKE_FAILURE" && line.tls.client !== undefined)) return undefined;
  const { url } = line.endpoint;
  const { client } = line.tls;
  if (client === undefined) {
    // Go says no more than this in TLS 1.2, whatever it missed.
    const asks = alert === "HANDSHAKE_FAILURE" ? "ended the TLS handshake, most likely because it requires" : "asks for";
    return new LifeboatError("etcd/tls", `${url} ${asks} a client certificate, and none is configured`, {
      cause: error,
      hint: "set tls.cert and tls.key to one signed by the CA of etcd's --trusted-ca-file",
    });
  }
  const subject = oneLine(client.subject);
  const now = line.clock.now();
  if (client.validToDate < now) {
    return new LifeboatError(
      "etcd/tls",
      `${url} refused the client certificate ${subject}: it expired on ${client.validToDate.toISOString()}`,
      {
        cause: error,
        hint: "renew tls.cert",
      },
    );
  }
  if (client.validFromDate > now) {
    return new LifeboatError(
      "etcd/tls",
      `${url} refused the client certificate ${subject}: it is not valid before ${client.validFromDate.toISOString()}`,
      {
        cause: error,
        hint: "check the clocks of this machine and of the CA",
      },
    );
  }
  // Go sends the same alert for a certificate that is not valid yet.
  if (alert === "CERTIFICATE_EXPIRED") {
    const span = `${client.validFromDate.toISOString()} to ${client.validToDate.toISOString()}`;
    return new LifeboatError("etcd/tls", `${url} refused the client certificate ${subject} for its dates, and it is valid from ${span}`, {
      cause: error,
      hint: "compare the clocks of this machine and of the member",
    });
  }
  return new LifeboatError("etcd/tls", `${url} refused the client certificate ${subject} (${alert.toLowerCase().replaceAll("_", " ")})`, {
    cause: error,
    hint: "tls.cert must be signed by the CA of etcd's --trusted-ca-file and be made for client authentication",
  });
}

async function shownCertificate(line: DialTarget, signal?: AbortSignal): Promise<X509Certificate | undefined> {
  try {
    const socket = await dialUnverified(line, signal);
    const certificate = socket.getPeerX509Certificate();
    socket.destroy();
    return certificate;
  } catch {
    // Only names what is known already to be wrong: the first error is the one to tell.
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** OpenSSL's messages begin with a thread's number and end with a source line; `reason` is what is in between. */
function reasonOf(error: unknown): string {
  return error instanceof Error && "reason" in error && typeof error.reason === "string" ? error.reason : messageOf(error);
}

/** `CN=etcd, O=example` from the lines that Node gives. */
export function oneLine(name: string): string {
  return printable(name.trim().replaceAll("\n", ", "));
}
