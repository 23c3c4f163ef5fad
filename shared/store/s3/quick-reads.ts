import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from "@aws-sdk/client-s3";
import { requestOf } from "./made-request.ts";
import type { Request } from "./made-request.ts";
import { canonicalQuery, escapePath, Signer } from "./signature.ts";

/**
 * GETs of whole objects, of which ten thousand are made to list a store. The SDK takes over a millisecond to put each together and to read its answer: here it makes the first, which is not sent, and
 * those that follow are that one with another path and a signature for it. Credentials, connections and time limits stay the SDK's, and it reads every answer that is no success.
 */
export class QuickReads {
  readonly #client: S3Client;
  readonly #where: Where;
  #model: Promise<Model | undefined> | undefined;
  #send: Send | undefined;

  constructor(client: S3Client, where: Where) {
    this.#client = client;
    this.#where = where;
  }

  /** What the SDK would give for this key, as far as a reader of bytes needs it; undefined where only the SDK can ask for it. Throws what it would throw. */
  async get(key: string, signal: AbortSignal | undefined): Promise<GetObjectCommandOutput | undefined> {
    this.#model ??= this.#makeModel().catch((error: unknown) => {
      this.#model = undefined;
      throw error;
    });
    const model = await this.#model;
    if (model === undefined) return undefined;
    const { config } = this.#client;
    const path = model.path + escapePath(key);
    // oxlint-disable-next-line no-restricted-properties -- the SDK's own time, by which its other requests are signed: a server refuses any but the real one
    const now = new Date(Date.now() + config.systemClockOffset);
    const headers = model.signer.sign(path, await config.credentials(), now);
    this.#send ??= handlerOf(this.#client);
    const { response, output } = await this.#send({
      input: { ...this.#where, Key: key },
      request: Object.assign(Object.create(model.request) as Request, { path, headers }),
      signal,
    });
    return output ?? this.#readByTheSdk(key, response);
  }

  /** The SDK's own request, as it would go on its way; undefined where it is of a kind that cannot be signed here. */
  async #makeModel(): Promise<Model | undefined> {
    const made = await requestOf(this.#client, new ModelCommand({ ...this.#where, Key: MODEL_KEY }));
    if (made === undefined || !made.request.path.endsWith(`/${MODEL_KEY}`)) return undefined;
    const { request, region, query } = made;
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !OF_ONE_REQUEST.has(name.toLowerCase())));
    return {
      request,
      path: request.path.slice(0, -MODEL_KEY.length),
      signer: new Signer({ method: "GET", region, headers, query: canonicalQuery(query) }),
    };
  }

  /** Hands an answer to the SDK, which throws what it says, and sets its clock by it. */
  #readByTheSdk(key: string, response: Response): Promise<GetObjectCommandOutput> {
    const command = new AnsweredCommand({ ...this.#where, Key: key });
    command.middlewareStack.add(() => () => Promise.resolve({ response, output: { $metadata: {} } }), {
      step: "deserialize",
      priority: "low",
      name: "answered",
    });
    const stack = this.#client.middlewareStack.clone();
    // It has told of this request already.
    stack.remove(DEBUG_LOG);
    return command
      .resolveMiddleware(
        stack,
        this.#client.config,
        {},
      )(command)
      .then(({ output }) => output);
  }
}

interface Where {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string;
}

interface Response {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Model {
  readonly request: Request;
  /** What stands before the key. */
  readonly path: string;
  readonly signer: Signer;
}

interface Args {
  readonly input: object;
  readonly request: Request;
  readonly signal: AbortSignal | undefined;
}

/** `output` is undefined where it was no success. */
type Send = (args: Args) => Promise<{ readonly response: Response; readonly output?: GetObjectCommandOutput }>;

/** Classes of their own, since the SDK keeps what it has put together for each. */
class ModelCommand extends GetObjectCommand {}
class AnsweredCommand extends GetObjectCommand {}

/** Any that needs no escaping. */
const MODEL_KEY = "key";
const OF_ONE_REQUEST = new Set(["authorization", "x-amz-date", "x-amz-security-token", "amz-sdk-invocation-id"]);
/** Of shared/wire/debug/aws.ts. */
const DEBUG_LOG = "lifeboatDebugLog";

/** What the SDK and client.ts put on the way of every request, and the model has been through. */
const DONE = [
  "validateBucketNameMiddleware",
  "regionRedirectMiddleware",
  "serializerMiddleware",
  "contentLengthMiddleware",
  "addExpectContinueMiddleware",
  "s3ExpressMiddleware",
  "getUserAgentMiddleware",
  "hostHeaderMiddleware",
  "recursionDetectionMiddleware",
  "retryMiddleware",
  "httpAuthSchemeMiddleware",
  "bucketEndpointMiddleware",
  "regionRedirectEndpointMiddleware",
  "httpSigningMiddleware",
  "s3ExpressHttpSigningMiddleware",
  "deserializerMiddleware",
  "unsignedPayload",
];

/** Sends through what others have added to the client, such as the debug log. */
function handlerOf(client: S3Client): Send {
  const { requestHandler } = client.config;
  const stack = client.middlewareStack.clone();
  for (const name of DONE) stack.remove(name);
  const send: Send = async ({ request, signal }) => {
    // The SDK types its handler by what it was configured with.
    const { response } = (await requestHandler.handle(request as never, { abortSignal: signal })) as { readonly response: Response };
    return { response, ...(response.statusCode === 200 ? { output: outputOf(response) } : {}) };
  };
  return stack.resolve(send as never, { clientName: "S3Client", commandName: "GetObjectCommand" }) as unknown as Send;
}

function outputOf({ headers, body, statusCode }: Response): GetObjectCommandOutput {
  const length = headers["content-length"];
  return {
    $metadata: { httpStatusCode: statusCode, requestId: headers["x-amz-request-id"] },
    Body: body as GetObjectCommandOutput["Body"],
    ETag: headers["etag"],
    ContentLength: length === undefined ? undefined : Number(length),
    VersionId: headers["x-amz-version-id"],
  };
}
