/** What an AWS service other than S3, or the way to it, said: told by names, so that nothing of the SDK is loaded for it. */
export interface AwsFault {
  /** "NotFoundException", "AccessDeniedException", ... or the code of a network error: "ECONNREFUSED". */
  readonly name: string;
  /** One line of what was said, with no more than 200 characters. */
  readonly reason: string;
  readonly kind: "denied" | "credentials" | "region" | "throttled" | "unreachable" | "service";
}

const CREDENTIALS = new Set([
  "CredentialsProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "MissingAuthenticationToken",
  "MissingAuthenticationTokenException",
  "SignatureDoesNotMatch",
  "IncompleteSignature",
  "TokenProviderError",
  "UnrecognizedClientException",
]);
const DENIED = new Set(["AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired"]);
const THROTTLED = new Set(["Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"]);

/** Names: https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html */
export function faultOf(error: unknown): AwsFault {
  if (!(error instanceof Error)) return { name: "unknown", reason: "no reason was given", kind: "service" };
  // The SDK's errors of the way there carry a code, and those of answers the status.
  const { code, $metadata } = error as Error & { readonly code?: unknown; readonly $metadata?: { readonly httpStatusCode?: unknown } };
  const name = error.name === "Error" && typeof code === "string" ? code : error.name;
  const hasAnswer = typeof $metadata?.httpStatusCode === "number";
  // The SDK's own error of a region that nothing names has no name but this text.
  if (!hasAnswer && error.message === "Region is missing") return { name: "NoRegion", reason: "no region is known", kind: "region" };
  return { name, reason: reasonOf(error, name), kind: kindOf(name, hasAnswer) };
}

function kindOf(name: string, hasAnswer: boolean): AwsFault["kind"] {
  if (CREDENTIALS.has(name)) return "credentials";
  if (DENIED.has(name)) return "denied";
  if (THROTTLED.has(name)) return "throttled";
  return hasAnswer ? "service" : "unreachable";
}

function reasonOf(error: Error, name: string): string {
  // Several addresses of one host were tried: an AggregateError, whose own message is empty.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  const text = error.message === "" && first instanceof Error ? first.message : error.message;
  const line = text.split("\n", 1)[0]?.trim().replace(/\.$/, "") ?? "";
  if (line === "" || line === "UnknownError") return name;
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}

const HINTS: Readonly<Partial<Record<AwsFault["kind"], string>>> = {
  region: "set AWS_REGION, or a region in the profile that AWS_PROFILE names",
  credentials: "give credentials as the AWS SDK takes them: the environment, a profile, or the role of the machine or function",
  throttled: "too many calls of the account or role: try again later, or ask AWS for a higher quota",
  unreachable: "check that the endpoint and region are right and can be reached from here, then try again",
};

/** What to do where the service could not be asked; undefined where it gave an answer of its own. */
export function hintFor({ kind }: AwsFault): string | undefined {
  return HINTS[kind];
}
