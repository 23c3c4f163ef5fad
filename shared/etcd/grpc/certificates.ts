import type { X509Certificate } from "node:crypto";

import { LifeboatError } from "../../errors.ts";
import type { Certificate } from "../etcd-source.ts";
import { dialUnverified, type DialTarget } from "./dial.ts";
import { explain, oneLine } from "./explain.ts";

/** What a person needs to know of `certificate`. */
export function factsOf(certificate: X509Certificate): Certificate {
  return { subject: oneLine(certificate.subject), notBefore: certificate.validFromDate, notAfter: certificate.validToDate };
}

/** The certificate that the endpoint shows, whether it verifies or not: an expired one is what the question is for. Undefined for plain http. */
export async function serverCertificate(line: DialTarget, signal?: AbortSignal): Promise<Certificate | undefined> {
  if (!line.endpoint.secure) return undefined;
  let shown: X509Certificate | undefined;
  try {
    const socket = await dialUnverified(line, signal);
    shown = socket.getPeerX509Certificate();
    socket.destroy();
  } catch (error) {
    throw await explain(line, error, signal);
  }
  if (shown === undefined) throw new LifeboatError("etcd/tls", `${line.endpoint.url} shows no certificate`);
  return factsOf(shown);
}
