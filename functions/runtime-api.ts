import { request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { systemClock } from "../shared/system-clock.ts";
import type { LambdaContext } from "./log.ts";

/** In an image no runtime of Lambda calls the handler: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */

type Handler = (event: unknown, context: LambdaContext) => Promise<unknown>;

/** Takes events from the Runtime API at `address` (host:port) for ever, one after the other, and gives it what comes of them. Throws where the API itself fails: Lambda then starts the process again. */
export async function serveEvents(address: string, handler: Handler, environment: NodeJS.ProcessEnv): Promise<never> {
  const place = `http://${address}/2018-06-01/runtime/invocation`;
  for (;;) {
    const { headers, text } = await call("GET", `${place}/next`);
    const id = String(headers["lambda-runtime-aws-request-id"]);
    const endMs = Number(headers["lambda-runtime-deadline-ms"]);
    const context: LambdaContext = {
      functionName: environment["AWS_LAMBDA_FUNCTION_NAME"] ?? "",
      functionVersion: environment["AWS_LAMBDA_FUNCTION_VERSION"] ?? "",
      invokedFunctionArn: String(headers["lambda-runtime-invoked-function-arn"]),
      memoryLimitInMB: environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] ?? "",
      awsRequestId: id,
      getRemainingTimeInMillis: () => endMs - systemClock.now().getTime(),
    };
    try {
      const outcome = await handler(JSON.parse(text), context);
      await call("POST", `${place}/${id}/response`, JSON.stringify(outcome));
    } catch (error) {
      // Handlers throw nothing but a FunctionFailure.
      const { name, message } = error instanceof Error ? error : { name: "unexpected", message: "" };
      await call("POST", `${place}/${id}/error`, JSON.stringify({ errorType: name, errorMessage: message, stackTrace: [] }));
    }
  }
}

/** Without a timeout: the next event may be days away, and the process sleeps meanwhile. */
async function call(
  method: "GET" | "POST",
  url: string,
  body?: string,
): Promise<{ readonly headers: IncomingHttpHeaders; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request(url, { method }, resolve).on("error", reject).end(body);
  const response = await promise;
  const bytes = await buffer(response);
  const { statusCode = 0, headers } = response;
  if (statusCode >= 300) throw new Error(`${method} ${url} was answered with ${statusCode}`);
  return { headers, text: bytes.toString("utf8") };
}
