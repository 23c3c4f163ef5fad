import { messageOf } from "./errors.ts";

/** OpenSSL's reasons that say little to a person, in other words. */
const WORDS: Readonly<Record<string, string>> = {
  "wrong version number": "what answers there speaks no TLS",
  "packet length too long": "what answers there speaks no TLS",
  "no start line": "it has no line -----BEGIN ...-----",
  unsupported: "it is in no form that is understood",
};

/** The reason in an error of OpenSSL (`error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:...`), without the rest; any other error's message. */
export function opensslReason(error: unknown): string {
  const message = messageOf(error);
  const reason = /\berror:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)/.exec(message)?.[1];
  return reason === undefined ? message : (WORDS[reason] ?? reason);
}
