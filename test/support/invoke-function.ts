import { vi } from "vitest";
import { z } from "zod";
import type { LambdaContext } from "../../functions/log.ts";

/** What became of an invocation, and what the function wrote to its log. */
export interface Invoked {
  readonly outcome: unknown;
  /** What was thrown, as Lambda passes it on. */
  readonly failure: Error | undefined;
  /** Lines of the log that are no metrics. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Documents in Embedded Metric Format. */
  readonly metrics: readonly Readonly<Record<string, unknown>>[];
  /** All that was written, as it was. */
  readonly text: string;
}

export const CONTEXT: Omit<LambdaContext, "getRemainingTimeInMillis"> = {
  functionName: "lifeboat-prod-backup",
  functionVersion: "$LATEST",
  invokedFunctionArn: "arn:aws:lambda:eu-central-1:111122223333:function:lifeboat-prod-backup",
  memoryLimitInMB: "512",
  awsRequestId: "11111111-2222-3333-4444-555555555555",
};

const lineSchema = z.record(z.string(), z.unknown());

/** Calls a handler in this process, as Lambda does. `remainingMs`: what it has left until it would be killed. */
export async function invoke(
  handler: (event: unknown, context: LambdaContext) => Promise<unknown>,
  event: unknown,
  remainingMs = 900_000,
): Promise<Invoked> {
  const end = performance.now() + remainingMs;
  let text = "";
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((chunk) => {
      text += chunk.toString();
      return true;
    }),
  );
  let outcome: unknown;
  let failure: Invoked["failure"];
  try {
    outcome = await handler(event, { ...CONTEXT, getRemainingTimeInMillis: () => end - performance.now() });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    failure = error;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return { outcome, failure, text, ...sorted(text) };
}

/** The lines of a function's log, each of which must be JSON. */
export function sorted(text: string): Pick<Invoked, "lines" | "metrics"> {
  const all = text
    .trim()
    .split("\n")
    // Node's own warnings are none of the function's lines.
    .filter((line) => line !== "" && !line.startsWith("("))
    .map((line) => lineSchema.parse(JSON.parse(line)));
  return { lines: all.filter((each) => !("_aws" in each)), metrics: all.filter((each) => "_aws" in each) };
}
