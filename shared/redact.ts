/** What must never stand in a message, wherever it came from: another's error may repeat a request, an address or a file. */
const SECRETS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  // A user's name and password in an address: RFC 3986, 3.2.1.
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]+@/gi, "$1***@"],
  // A header that a server or proxy repeats.
  [/(\bauthorization["']?\s*[:=]\s*["']?)(?:(?:bearer|basic)\s+)?[^\s"',;]+/gi, "$1***"],
  [/(\bbearer\s+)[\w.~+/=-]{8,}/gi, "$1***"],
  // What a presigned address proves itself by, and other parameters that are secrets by their name.
  [
    /([?&](?:x-amz-(?:signature|credential|security-token)|signature|awsaccesskeyid|password|access_token|token|secret)=)[^&\s"'<>]+/gi,
    "$1***",
  ],
  // A token as etcd and others sign them: three parts of base64url, the first of which is JSON.
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, "***"],
  [/AGE-SECRET-KEY-1[0-9a-z]+/gi, "AGE-SECRET-KEY-***"],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, "*** (a private key)"],
];

/** `text` without the secrets that can be told by their form. A net below the rule that no message holds one. */
export function redact(text: string): string {
  return SECRETS.reduce((redacted, [pattern, instead]) => redacted.replace(pattern, instead), text);
}
