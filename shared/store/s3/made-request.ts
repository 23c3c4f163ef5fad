import type { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";

/** As the SDK's handler of requests takes it. */
export interface Request {
  readonly protocol: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
}

export interface MadeRequest {
  readonly request: Request;
  /** That it is signed for. */
  readonly region: string;
  readonly query: readonly (readonly [string, string])[];
}

/**
 * The request that the SDK makes of a command, which is not sent: so endpoint, path and region are the SDK's own. Undefined where it is of a kind that cannot be signed here: directory buckets have sessions, and access
 * points of several regions another signature. `command` must be of a class of its own, since the SDK keeps what it has put together for each.
 */
export async function requestOf(client: S3Client, command: GetObjectCommand): Promise<MadeRequest | undefined> {
  command.middlewareStack.add(
    () =>
      ({ request }) =>
        Promise.resolve({ response: undefined, output: { $metadata: {}, request } as never }),
    {
      step: "finalizeRequest",
      priority: "low",
      name: "keptFromBeingSent",
    },
  );
  const { request } = (await client.send(command)) as unknown as { readonly request: Request };
  const scope = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/s3\/aws4_request,/.exec(request.headers["authorization"] ?? "");
  const region = scope?.[1];
  const query = Object.entries(request.query ?? {});
  if (region === undefined || query.some(([, value]) => typeof value !== "string")) return undefined;
  return { request, region, query: query as [string, string][] };
}
