import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";

/** Signature version 4 for requests without a body, in the headers or in the address: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What all requests to one bucket have in common. */
export interface SignedPart {
  readonly method: string;
  /** Sorted and escaped. */
  readonly query: string;
  /** Lower case names, `host` and `x-amz-content-sha256` among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly region: string;
}

const SERVICE = "s3";
const ALGORITHM = "AWS4-HMAC-SHA256";

/** Signs many requests that differ in their path alone. The key of a day is made once, and what of the headers is signed is put together once a second. */
export class Signer {
  readonly #part: SignedPart;
  #key: { readonly secret: string; readonly day: string; readonly key: KeyObject } | undefined;
  #prepared: Prepared | undefined;

  constructor(part: SignedPart) {
    this.#part = part;
  }

  /** The headers of a request for `path` (escaped, and as it is sent), with its signature. */
  sign(path: string, credentials: SigningCredentials, now: Date): Record<string, string> {
    const prepared = this.#prepare(credentials, now);
    const { method, query } = this.#part;
    const canonical = hash("sha256", `${method}\n${path}\n${query}\n${prepared.canonicalHeaders}`);
    const signature = createHmac("sha256", this.#keyOf(credentials.secretAccessKey, prepared.day))
      .update(`${prepared.toSign}${canonical}`)
      .digest("hex");
    return { ...prepared.headers, authorization: `${prepared.authorization}${signature}` };
  }

  #prepare({ accessKeyId, sessionToken }: SigningCredentials, now: Date): Prepared {
    const second = Math.floor(now.getTime() / 1000);
    const known = this.#prepared;
    if (known?.second === second && known.accessKeyId === accessKeyId && known.sessionToken === sessionToken) return known;
    const time = timeInSignature(new Date(second * 1000));
    const day = time.slice(0, 8);
    const headers: Record<string, string> = {
      ...this.#part.headers,
      "x-amz-date": time,
      ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
    };
    // Others, such as the user agent, a proxy may change.
    const signed = Object.entries(headers)
      .filter(([name]) => name === "host" || name.startsWith("x-amz-"))
      .toSorted(([one], [other]) => (one < other ? -1 : 1));
    const names = signed.map(([name]) => name).join(";");
    const values = signed.map(([name, value]) => `${name}:${value.trim().replaceAll(/\s+/g, " ")}\n`).join("");
    const scope = `${day}/${this.#part.region}/${SERVICE}/aws4_request`;
    this.#prepared = {
      second,
      accessKeyId,
      sessionToken,
      day,
      headers,
      canonicalHeaders: `${values}\n${names}\n${headers["x-amz-content-sha256"] ?? ""}`,
      toSign: `${ALGORITHM}\n${time}\n${scope}\n`,
      authorization: `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=`,
    };
    return this.#prepared;
  }

  /** As a key object: with bytes an HMAC takes four times as long. */
  #keyOf(secret: string, day: string): KeyObject {
    if (this.#key?.secret === secret && this.#key.day === day) return this.#key.key;
    const key = createSecretKey(signingKey(secret, day, this.#part.region));
    this.#key = { secret, day, key };
    return key;
  }
}

interface Prepared extends Pick<SigningCredentials, "accessKeyId" | "sessionToken"> {
  readonly second: number;
  readonly day: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly canonicalHeaders: string;
  readonly toSign: string;
  readonly authorization: string;
}

/** A GET that carries its signature in its query. */
export interface PresignedRequest {
  /** Lower case, with the port where it is no scheme's own: as it is sent in the header. */
  readonly host: string;
  /** Escaped. */
  readonly path: string;
  /** Neither sorted nor escaped. */
  readonly query: readonly (readonly [string, string])[];
  readonly region: string;
  /** Whole seconds from `now`; S3 takes at most 604,800. */
  readonly seconds: number;
}

/** The query of the signed address. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
export function presignedQuery(request: PresignedRequest, credentials: SigningCredentials, now: Date): string {
  const { host, path, query, region, seconds } = request;
  const time = timeInSignature(now);
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/${SERVICE}/aws4_request`;
  const canonical = canonicalQuery([
    ...query,
    ["X-Amz-Algorithm", ALGORITHM],
    ["X-Amz-Credential", `${credentials.accessKeyId}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(seconds)],
    ["X-Amz-SignedHeaders", "host"],
    ...(credentials.sessionToken === undefined ? [] : [["X-Amz-Security-Token", credentials.sessionToken] as const]),
  ]);
  const digest = hash("sha256", `GET\n${path}\n${canonical}\nhost:${host}\n\nhost\nUNSIGNED-PAYLOAD`);
  const key = createSecretKey(signingKey(credentials.secretAccessKey, day, region));
  const signature = createHmac("sha256", key).update(`${ALGORITHM}\n${time}\n${scope}\n${digest}`).digest("hex");
  return `${canonical}&X-Amz-Signature=${signature}`;
}

/** Sorted and escaped, as it is signed. */
export function canonicalQuery(query: readonly (readonly [string, string])[]): string {
  return query
    .map(([name, value]) => `${escapeSegment(name)}=${escapeSegment(value)}`)
    .toSorted()
    .join("&");
}

function signingKey(secret: string, day: string, region: string): Uint8Array {
  const steps = [day, region, SERVICE, "aws4_request"];
  return steps.reduce((before, step) => createHmac("sha256", before).update(step).digest(), Buffer.from(`AWS4${secret}`));
}

function timeInSignature(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}

/** A key as it stands in a path: each byte but those that RFC 3986 leaves unreserved, and slashes, escaped. */
export function escapePath(key: string): string {
  return key.split("/").map(escapeSegment).join("/");
}

function escapeSegment(segment: string): string {
  if (/^[\w.~-]*$/.test(segment)) return segment;
  return encodeURIComponent(segment).replaceAll(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
}
