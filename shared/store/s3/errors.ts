import { S3ServiceException } from "@aws-sdk/client-s3";
import { LifeboatError, messageOf, type ErrorCode } from "../../errors.ts";
import { opensslReason } from "../../openssl-reason.ts";

/** What S3 or the way to it said, of the names at https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export interface S3Fault {
  /** "NoSuchKey", "SlowDown", ... or the code of a network error: "ECONNRESET". */
  readonly name: string;
  /** Undefined where no answer came. */
  readonly status: number | undefined;
}

/** Pauses and passes: the server, the network, or a request that was damaged on its way. */
const TRANSIENT_NAMES = new Set([
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequests",
  "RequestLimitExceeded",
  "ServiceUnavailable",
  "InternalError",
  "OperationAborted",
  "ConditionalRequestConflict",
  "RequestTimeout",
  "TimeoutError",
  "BadDigest",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
  "IncompleteBody",
  // The SDK has then set its clock by the answer.
  "RequestTimeTooSkewed",
]);
const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);
const NETWORK_CODES = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

export function faultOf(error: unknown): S3Fault {
  if (error instanceof S3ServiceException) return { name: error.name, status: error.$metadata.httpStatusCode };
  if (!(error instanceof Error)) return { name: "unknown", status: undefined };
  // The SDK's errors of the way there, and of answers that are no XML, carry these beside an Error's own.
  const { code, $metadata, $response } = error as Error & {
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: unknown };
    readonly $response?: { readonly statusCode?: unknown };
  };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  return { name: typeof code === "string" ? code : error.name, status: typeof status === "number" ? status : undefined };
}

/** Whether the same call may go through a moment later. */
export function isTransient(error: unknown): boolean {
  const { name, status } = faultOf(error);
  // HPE_: what came is no HTTP.
  if (TRANSIENT_NAMES.has(name) || NETWORK_CODES.has(name) || name.startsWith("HPE_")) return true;
  // An answer of success that cannot be read was cut.
  return status !== undefined && (TRANSIENT_STATUS.has(status) || (status < 300 && !(error instanceof LifeboatError)));
}

export function isMissing(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return (
    name === "NoSuchKey" ||
    name === "NotFound" ||
    name === "NoSuchVersion" ||
    (status === 404 && name !== "NoSuchBucket" && name !== "NoSuchUpload")
  );
}

/** The same where a version was named: one that another store gave may not have the form of this one's, which is answered by 400 and not by 404. */
export function isMissingVersion(error: unknown): boolean {
  return isMissing(error) || faultOf(error).status === 400;
}

export function isDenied(error: unknown): boolean {
  const { name, status } = faultOf(error);
  return status === 403 || status === 401 || name === "CredentialsProviderError" || name === "ExpiredToken";
}

const CALLERS = new Set([
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "ExpiredToken",
  "InvalidToken",
  "CredentialsProviderError",
  "RequestTimeTooSkewed",
  "AuthorizationHeaderMalformed",
]);

/** The credentials, the region or the clock of the caller are wrong: no request of theirs would be answered. */
export function isCallersFault(error: unknown): boolean {
  return CALLERS.has(faultOf(error).name);
}

/** A condition of the request did not hold: If-None-Match of a put, If-Match of a read. */
export function isPreconditionFailed(error: unknown): boolean {
  return faultOf(error).status === 412;
}

export function isNoSuchUpload(error: unknown): boolean {
  return faultOf(error).name === "NoSuchUpload";
}

const UNKNOWN_CA =
  "where the store has a CA of your own, set NODE_EXTRA_CA_CERTS to a PEM file with it before lifeboat starts, such as NODE_EXTRA_CA_CERTS=/etc/lifeboat/store-ca.pem (docs/cli.md, A store or KMS with a certificate of your own CA)";
const NO_TLS = "check that store.endpoint speaks TLS on that port; a store without TLS has an endpoint with http://";

const HINTS: Readonly<Record<string, string>> = {
  AccessDenied:
    "give the role that runs lifeboat the permission that docs/threat-model.md lists for it, on this bucket and prefix, and check that no policy or retention denies it",
  InvalidAccessKeyId: "check the access key that the AWS SDK finds (environment, profile or role), and that it is this store's",
  SignatureDoesNotMatch: "check the secret key that the AWS SDK finds, and that nothing between here and the store changes requests",
  ExpiredToken: "renew the credentials and try again",
  InvalidToken: "renew the credentials and try again",
  CredentialsProviderError:
    "give credentials as the AWS SDK takes them: the environment, a profile, or the role of the machine or function",
  RequestTimeTooSkewed: "set this machine's clock: S3 takes no request that is more than 15 minutes off",
  NoSuchBucket:
    "check store.bucket, store.region and store.endpoint in the configuration; lifeboat makes no bucket; docs/cli.md (A bucket for the store) has the commands that do",
  PermanentRedirect: "set store.region to the region of the bucket",
  AuthorizationHeaderMalformed: "set store.region to the region of the bucket",
  IllegalLocationConstraintException: "set store.region to the region of the bucket",
  SlowDown: "the store asks for fewer requests: try again later",
  ECONNREFUSED: "check that the store runs, and that store.endpoint is right",
  ENOTFOUND: "check store.endpoint, store.bucket and store.region; a store that has no host names for buckets needs pathStyle: true",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CA,
  ERR_TLS_CERT_ALTNAME_INVALID:
    "write store.endpoint with a name that stands in the store's certificate, or renew that certificate; a store that has no host names for buckets needs pathStyle: true",
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  CERT_HAS_EXPIRED: "renew the certificate of the store",
};

const FULL = new Set([
  "QuotaExceeded",
  "StorageFull",
  "XMinioStorageFull",
  "XMinioAdminBucketQuotaExceeded",
  "InsufficientStorage",
  "ENOSPC",
]);

/** What S3 refused, as an error of the store. An error that is none of S3's passes through. `doing` is the act and the key: "put clusters/prod/...". */
export function s3Error(error: unknown, doing: string, location: string): unknown {
  if (error instanceof LifeboatError || !(error instanceof Error)) return error;
  const { name, status } = faultOf(error);
  const code: ErrorCode = FULL.has(name) || status === 507 ? "store/full" : isDenied(error) ? "store/denied" : "store/failed";
  const answer = status === undefined ? name : `${name}, HTTP ${status}`;
  return new LifeboatError(code, `cannot ${doing} in ${location}: ${reasonOf(error)} (${answer})`, {
    hint:
      HINTS[name] ??
      (code === "store/denied"
        ? isWordless(error)
          ? `${HINTS["AccessDenied"]}; lifeboat doctor --store shows whether the credentials are the cause`
          : HINTS["AccessDenied"]
        : code === "store/full"
          ? FULL_HINT
          : "check that the store can be reached and works, then try again"),
    cause: error,
  });
}

const FULL_HINT = "raise the quota of the bucket or free space, then try again";

/** The name of what was refused, and one line of what was said. */
export function describeFault(error: unknown): string {
  const { name } = faultOf(error);
  return error instanceof Error && messageOf(error) !== name ? `${name}: ${reasonOf(error)}` : name;
}

/** The answer to a HEAD has no body: wrong credentials and missing permissions look the same there. */
function isWordless(error: Error): boolean {
  return reasonOf(error) === NO_REASON;
}

const NO_REASON = "the store gave no reason";

/** One line of it: what a server sends may be long, and of several. */
function reasonOf(error: Error): string {
  const line = opensslReason(error).split("\n", 1)[0]?.trim() ?? "";
  const isEmpty = line === "" || line === "UnknownError";
  return isEmpty ? NO_REASON : line.length > 200 ? `${line.slice(0, 200)}...` : line.replace(/\.$/, "");
}
