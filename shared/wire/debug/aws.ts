import type { Clock } from "../../clock.ts";
import type { DebugLog, TraceClient } from "../../debug-log.ts";
import { messageOf } from "../../errors.ts";

/** Fields of a request that name what it is about. No other is ever told: they hold ciphertexts, secrets and contents. */
const NAMES = [
  "Bucket",
  "Key",
  "VersionId",
  "Prefix",
  "Range",
  "PartNumber",
  "KeyId",
  "SecretId",
  "Name",
  "stateMachineArn",
  "executionArn",
] as const;

/** Parts of the SDK's middleware: https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/middleware-stack.html */
interface Stack {
  add(middleware: (next: Next, context: Context) => Next, options: { step: "deserialize"; priority: "high"; name: string }): void;
}
type Next = (args: Args) => Promise<Result>;
interface Context {
  readonly clientName?: string;
  readonly commandName?: string;
}
interface Args {
  readonly input: object;
  readonly request: { readonly headers?: Readonly<Record<string, string>> };
}
interface Metadata {
  readonly httpStatusCode?: number;
  readonly requestId?: string;
}
interface Result {
  readonly output?: { readonly $metadata?: Metadata };
  readonly response?: { readonly statusCode?: number };
}

/** Tells each request that a client of the SDK sends, every try of its own with its status. */
export function traceAws(debug: DebugLog, clock: Clock): TraceClient {
  return (client) => {
    /** Of a request that failed: the SDK keeps one context for all its tries. */
    const failed = new WeakMap<Context, { readonly atMs: number; readonly reason: string }>();
    // The SDK types the stack by each client's own commands; these parts are the same in all.
    (client.middlewareStack as Stack).add(
      (next, context) => async (args) => {
        const { attempt = "1", max } =
          /attempt=(?<attempt>\d+)(?:; max=(?<max>\d+))?/.exec(args.request.headers?.["amz-sdk-request"] ?? "")?.groups ?? {};
        const what = `${context.clientName?.replace(/Client$/, "") ?? "AWS"} ${requestOf(context, args.input)}`;
        const started = clock.monotonicMs();
        const before = failed.get(context);
        if (before !== undefined)
          debug.log("retry", `${what}: try ${attempt} after ${Math.round(started - before.atMs)} ms, because of ${before.reason}`);
        const log = (outcome: string, { requestId }: Metadata): void => {
          const tries = max === undefined ? `try ${attempt}` : `try ${attempt} of ${max}`;
          const id = requestId === undefined ? "" : `, request ${requestId}`;
          debug.log("aws", `${what}: ${outcome}, ${Math.round(clock.monotonicMs() - started)} ms, ${tries}${id}`);
        };
        try {
          const result = await next(args);
          const metadata = result.output?.$metadata ?? {};
          log(`status ${metadata.httpStatusCode ?? result.response?.statusCode ?? "unknown"}`, metadata);
          return result;
        } catch (error) {
          const { $metadata = {} } = error as { readonly $metadata?: Metadata };
          const reason = `${error instanceof Error ? error.name : "an error"}: ${messageOf(error).replaceAll("\n", " ")}`;
          failed.set(context, { atMs: clock.monotonicMs(), reason });
          log($metadata.httpStatusCode === undefined ? reason : `status ${$metadata.httpStatusCode}, ${reason}`, $metadata);
          throw error;
        }
      },
      // Inside the SDK's retries, and outside of what reads the answer.
      { step: "deserialize", priority: "high", name: "lifeboatDebugLog" },
    );
  };
}

function requestOf({ commandName = "request" }: Context, input: object): string {
  const fields = new Map<string, unknown>(Object.entries(input));
  const names = NAMES.flatMap((name) => {
    const value = fields.get(name);
    return typeof value === "string" || typeof value === "number" ? [`${name} ${value}`] : [];
  });
  return [commandName.replace(/Command$/, ""), names.join(", ")].filter((part) => part !== "").join(" ");
}
