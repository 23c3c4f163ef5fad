import { S3Client } from "@aws-sdk/client-s3";
import type { S3Pace, S3Settings } from "./settings.ts";

/** More than are read at a time (PARALLEL_READS), with some to spare for what else is asked meanwhile. */
const MAX_CONNECTIONS = 100;

/** What the SDK takes as a source of credentials. */
type AwsCredentialIdentityProvider = () => Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;

/**
 * The SDK's client. Credentials, and the region where the settings name none, come by the SDK's own default chain, which reads the environment and the files of the
 * AWS command line itself.
 */
export function openClient(settings: S3Settings, pace: S3Pace, credentials?: AwsCredentialIdentityProvider): S3Client {
  const client = new S3Client({
    ...(settings.region === undefined ? {} : { region: settings.region }),
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    ...(settings.profile === undefined ? {} : { profile: settings.profile, logger: SILENT }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: settings.pathStyle,
    // Nothing is added to the stack after the first call: to put it together again for each one takes longer than all that it does.
    cacheMiddleware: true,
    // retry.ts tries again: by the injected clock, and so that a signal ends it.
    maxAttempts: 1,
    // Ours are computed natively, and reads are held against the manifest's SHA-256.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // It would take a connection of its own and a round trip for each part.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: 10_000,
      // Idle, for request and answer alike; a limit for the whole would fail slow lines.
      socketTimeout: pace.idleMs,
      httpAgent: { maxSockets: MAX_CONNECTIONS },
      httpsAgent: { maxSockets: MAX_CONNECTIONS },
    },
  });
  // It goes through every input and output for a log that nobody reads.
  client.middlewareStack.remove("loggerMiddleware");
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      // TLS and the signed CRC cover the bytes: hashing them all for the signature would cost a second of each GB. Not so in plain http.
      if (isRequest(request) && request.protocol === "https:" && request.body instanceof Uint8Array)
        request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
      return next(args);
    },
    { step: "build", name: "unsignedPayload" },
  );
  return client;
}

/** The SDK else says on standard error that the environment has credentials, too, which the profile goes before. */
const SILENT = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // Errors are thrown as well.
}

interface Request {
  readonly protocol: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

/** The SDK types it as unknown, since other transports than HTTP are thinkable. */
function isRequest(request: unknown): request is Request {
  return typeof request === "object" && request !== null && "protocol" in request && "headers" in request;
}
