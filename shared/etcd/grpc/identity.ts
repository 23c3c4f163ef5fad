import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";

import { LifeboatError } from "../../errors.ts";
import { opensslReason } from "../../openssl-reason.ts";
import type { TlsSettings } from "./settings.ts";

/** Whom we trust and who we are: the TLS settings, checked once and used by every connection. */
export interface TlsIdentity {
  readonly context: SecureContext;
  /** Whether `tls.ca` is set, in place of the CAs that Node trusts. */
  readonly ownCa: boolean;
  readonly serverName: string | undefined;
  readonly client: X509Certificate | undefined;
}

/** Throws `config/invalid` for PEM texts that do not parse, and a certificate and key that do not belong together. */
export function tlsIdentity(settings: TlsSettings = {}): TlsIdentity {
  const { cert, key } = settings;
  if ((cert === undefined) !== (key === undefined)) {
    const [present, absent] = cert === undefined ? ["tls.key", "tls.cert"] : ["tls.cert", "tls.key"];
    throw new LifeboatError("config/invalid", `${present} is set and ${absent} is not`, { hint: "set both, or neither" });
  }
  if (settings.ca !== undefined) certificateIn(settings.ca, "tls.ca");
  // With nothing set it cannot fail, and is made where it is used: plain http needs none, and it takes 10 ms to read the CAs that Node trusts.
  let context = settings.ca === undefined && cert === undefined ? undefined : secureContext(settings.ca, cert, key);
  return {
    get context() {
      return (context ??= secureContext(undefined, undefined, undefined));
    },
    ownCa: settings.ca !== undefined,
    serverName: settings.serverName,
    client: cert === undefined ? undefined : certificateIn(cert, "tls.cert"),
  };
}

/** The first certificate of the PEM text: the leaf where it is a chain. */
function certificateIn(pem: string, setting: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new LifeboatError("config/invalid", `${setting} holds no certificate in PEM: ${opensslReason(error)}`, {
      cause: error,
      hint: `${setting} names a file that begins with -----BEGIN CERTIFICATE-----`,
    });
  }
}

function secureContext(ca: string | undefined, cert: string | undefined, key: string | undefined): SecureContext {
  try {
    return createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new LifeboatError("config/invalid", `tls.cert and tls.key cannot be used: ${opensslReason(error)}`, {
      cause: error,
      hint: "tls.key must be the private key of tls.cert, in PEM and without a passphrase",
    });
  }
}
